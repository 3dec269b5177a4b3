"""SD-JWT VC: a credential as a JWT with selective disclosure, issued, presented and verified.

Implements RFC 9901 with draft-ietf-oauth-sd-jwt-vc-19 (August 2026), a draft: the type
``dc+sd-jwt``, the claims ``vct`` and ``cnf``, and what may never be hidden are its. OpenID4VC HAIP
1.0 asks for ``x5c``, ES256 and SHA-256, which is what is issued here.

The rules of verification, in order:

1. the text is an SD-JWT within bounds; its JWT is strict (`coronapas.wallets._jose`), and its
   algorithm is ES256 or PS256;
2. its ``typ`` is one that the verifier accepts, and so is its ``vct``; an SD-JWT VC has a ``vct``;
3. a key that the trust store vouches for signed it, and its certificate was valid and may sign;
4. every disclosure follows the rules of RFC 9901, section 7.1, and hides nothing that must show;
5. ``nbf`` and ``iat`` are not after the check, and ``exp`` is after it;
6. where the *verifier* asks for the holder's binding (RFC 9901, section 7.3), there is a
   key-binding JWT: of its type, signed by ``cnf.jwk``, for this audience and nonce, over all that
   is presented, and not from the future. What the text says about binding decides nothing;
7. the content is one that facts come from, or is said not to be;
8. the status list, where one is given, says that the credential is valid.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Unpack

from coronapas._time import seconds
from coronapas.errors import CredentialError, KeyMaterialError
from coronapas.trust._documents import decode_kid
from coronapas.wallets import _jose as jose
from coronapas.wallets import _mapping as mapping
from coronapas.wallets._issuers import (
    StatusReference,
    chain_of,
    check_signer,
    judge_usage,
    lifetime,
)
from coronapas.wallets._judging import Judge, judge_time
from coronapas.wallets._result import (
    SD_JWT,
    Credential,
    CredentialVerification,
    Findings,
    sentence_of,
)
from coronapas.wallets._status_list import is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import timedelta

    from coronapas.signing._signer import PublicKey, SignatureCheck, SignatureForm, Signer
    from coronapas.trust import Certificate, TrustStore
    from coronapas.wallets._judging import CredentialSettings
    from coronapas.wallets._mapping import Loss

DRAFT: Final = "draft-ietf-oauth-sd-jwt-vc-19"
"""The version of the draft that is implemented."""

TYPE: Final = "dc+sd-jwt"
"""The ``typ`` of an SD-JWT VC. Older drafts had ``vc+sd-jwt``, accepted only where asked for."""

OLD_TYPE: Final = "vc+sd-jwt"
ANY_TYPE: Final = "*+sd-jwt"
"""Accepts every ``typ`` that ends so, but for ``vc+sd-jwt``: also SD-JWTs that are no VC."""

VCT: Final = "urn:x-coronapas:health-pass:1"
"""The type of credential that is issued by default.

Private to this project: no catalogue of wallet credentials has a health pass. A service that issues
for others names a type of its own.
"""

NEVER_HIDDEN: Final = frozenset(
    {"iss", "nbf", "exp", "cnf", "vct", "vct#integrity", "aka_vcts", "status"}
)
"""The claims that must show (the draft, section 3.2.2.2)."""


@dataclass(frozen=True, slots=True)
class KeyBinding:
    """The holder's binding that a verifier asks for.

    Attributes:
        audience: The verifier's own identifier, as the request named it.
        nonce: The nonce of the request.
        max_age: How old the binding may be (inclusive); None for any age, as the nonce is fresh.

    """

    audience: str
    nonce: str = field(repr=False)
    max_age: timedelta | None = None

    def __post_init__(self) -> None:
        if not self.audience or not self.nonce:
            raise ValueError("the audience and the nonce of a request must not be empty")


@dataclass(frozen=True, slots=True)
class IssuedSdJwt:
    """An issued SD-JWT VC: its text, and what it does not state of the pass."""

    text: str = field(repr=False)
    """The compact form: the token and every disclosure, each followed by ``~``."""
    losses: tuple[Loss, ...] = ()
    """What the source states and this form has no place for."""


@dataclass(frozen=True, slots=True)
class PreparedSdJwt:
    """An SD-JWT VC that waits for its signature: nothing is missing but that.

    `digest` is what is to be signed (SHA-256, 32 bytes), `kid` names the key that must sign;
    `losses` are those of the `IssuedSdJwt`. It can be pickled, and holds no key but public ones.
    """

    digest: bytes = field(repr=False)
    kid: bytes = field(repr=False)
    losses: tuple[Loss, ...]
    _check: SignatureCheck = field(repr=False)
    _signed: str = field(repr=False)
    _disclosures: tuple[str, ...] = field(repr=False)

    @property
    def algorithm(self) -> int:
        """The COSE algorithm of the signature: -7 (ES256) or -37 (PS256)."""
        return self._check.algorithm

    def complete(self, signature: bytes, *, form: SignatureForm = "raw") -> IssuedSdJwt:
        """Return the credential with its signature over `digest`, which is checked.

        `form` says how an ECDSA signature is encoded. Raises SigningError if it is not a signature
        of that key over this credential.
        """
        return self._sealed(self._check(signature, self.digest, form=form))

    def _sealed(self, signature: bytes) -> IssuedSdJwt:
        """Return the credential with a signature that is known to hold."""
        jwt = jose.with_signature(self._signed, signature)
        return IssuedSdJwt(jose.Token(jwt, self._disclosures, None).bound_text, self.losses)


def issue_sd_jwt(
    dcc: Mapping[str, Any],
    signer: Signer,
    *,
    expires: datetime | timedelta,
    issued_at: datetime | None = None,
    holder_key: PublicKey | None = None,
    vct: str = VCT,
    shown: Collection[str] = (),
    decoys: int = 0,
    status: StatusReference | None = None,
    issuer: str | None = None,
    chain: Sequence[Certificate] = (),
) -> IssuedSdJwt:
    """Issue an SD-JWT VC that states what an EU payload does.

    Args:
        dcc: The payload, as `coronapas.dcc.build_dcc` makes it or a pass states it.
        signer: The key; its certificate is stated in ``x5c``.
        expires: The end of the validity (exclusive), or the time from the issue to it.
        issued_at: The moment of issue; by default now.
        holder_key: The public key of the holder's wallet (``cnf``); None binds it to nobody.
        vct: The type of credential; the default is private to this project.
        shown: The claims of the payload that are not hidden; by default all are.
        decoys: How many digests without a disclosure are added.
        status: Where the credential's status stands.
        issuer: The claim ``iss``, an HTTPS address; by default the certificate alone says it.
        chain: The certificates between the signer's and the trust anchor, without the anchor.

    Raises:
        IssueError: With every fault of the payload and of the signer's certificate.
        CredentialError: A payload that no credential can state.
        SigningError: A remote signer failed.

    """
    prepared = prepare_sd_jwt(
        dcc,
        signer,
        expires=expires,
        issued_at=issued_at,
        holder_key=holder_key,
        vct=vct,
        shown=shown,
        decoys=decoys,
        status=status,
        issuer=issuer,
        chain=chain,
    )
    return prepared._sealed(signer.sign_digest(prepared.digest))


def prepare_sd_jwt(
    dcc: Mapping[str, Any],
    signer: Signer,
    *,
    expires: datetime | timedelta,
    issued_at: datetime | None = None,
    holder_key: PublicKey | None = None,
    vct: str = VCT,
    shown: Collection[str] = (),
    decoys: int = 0,
    status: StatusReference | None = None,
    issuer: str | None = None,
    chain: Sequence[Certificate] = (),
) -> PreparedSdJwt:
    """Return the credential that `issue_sd_jwt` would issue, before it is signed; no key is used.

    The arguments are those of `issue_sd_jwt`.

    Raises:
        IssueError: With every fault of the payload and of the signer's certificate.
        CredentialError: A payload that no credential can state.

    """
    life = lifetime(issued_at, expires)
    check_signer(signer, life, dcc)
    content = mapping.to_claims(dcc)
    hidden = [(name,) for name in content.content if name not in set(shown)]
    stated: dict[str, Any] = {"iat": life.issued_at, "exp": life.expires, **content.content}
    if issuer is not None:
        stated["iss"] = issuer
    if holder_key is not None:
        stated["cnf"] = {"jwk": jose.jwk_of(holder_key)}
    if status is not None:
        stated["status"] = status.to_claim()
    signed, disclosures = _unsigned(stated, signer, vct, hidden, decoys, chain)
    digest = sha256(signed.encode("ascii")).digest()
    return PreparedSdJwt(digest, signer.kid, content.losses, signer.check, signed, disclosures)


def issue_claims(
    claims: Mapping[str, Any],
    signer: Signer,
    *,
    vct: str,
    hidden: Collection[tuple[str | int, ...]] = (),
    decoys: int = 0,
    chain: Sequence[Certificate] = (),
) -> str:
    """Issue an SD-JWT VC of claims as they are; returns its text.

    Args:
        claims: The claims, times and ``cnf`` included, ``vct`` not.
        signer: The key; its certificate is stated in ``x5c``.
        vct: The type of credential: a URI.
        hidden: The paths to hide: ``("address", "locality")``, ``("nationalities", 0)``.
        decoys: How many digests without a disclosure are added wherever something is hidden.
        chain: The certificates between the signer's and the trust anchor, without the anchor.

    Raises:
        CredentialError: A claim that may not be hidden, a path that leads nowhere, or a reserved
            name.

    """
    signed, disclosures = _unsigned(claims, signer, vct, hidden, decoys, chain)
    jwt = jose.with_signature(signed, signer.sign(signed.encode("ascii")))
    return jose.Token(jwt, disclosures, None).bound_text


def _unsigned(
    claims: Mapping[str, Any],
    signer: Signer,
    vct: str,
    hidden: Collection[tuple[str | int, ...]],
    decoys: int,
    chain: Sequence[Certificate],
) -> tuple[str, tuple[str, ...]]:
    """Return what is to be signed, and the disclosures; the arguments are `issue_claims`'s."""
    if not vct.strip() or ":" not in vct:
        raise CredentialError("issue.type", "vct must be a URI or URN")
    for path in hidden:
        if not path or path[0] in NEVER_HIDDEN:
            raise CredentialError("issue.hidden", f"{path[:1]} may never be hidden")
    if "vct" in claims:
        raise CredentialError("issue.reserved", "vct is stated beside the claims")
    tree, disclosures = jose.conceal(
        {
            "vct": vct,
            **claims,
        },
        hidden,
        decoys=decoys,
    )
    header: dict[str, Any] = {"typ": TYPE}
    stated = chain_of(signer, chain)
    if stated:
        header["x5c"] = jose.x5c(stated)
    return jose.unsigned(header, jose.dump(tree), signer), disclosures


def present_sd_jwt(
    text: str,
    disclose: Iterable[str],
    *,
    holder: Signer | None = None,
    binding: KeyBinding | None = None,
    at: datetime | None = None,
) -> str:
    """Return a presentation that discloses some claims, bound to the request where one is given.

    Args:
        text: The issued SD-JWT VC; its signature is not verified here.
        disclose: The claims to disclose, dotted (``address.locality``), and what they stand in.
        holder: The holder's key, for a key-binding JWT.
        binding: The audience and nonce of the request.
        at: The moment of the presentation; by default now.

    Raises:
        CredentialError: The text is malformed, holds no such claim, is bound to another key, or
            only one of `holder` and `binding` is given.

    """
    if (holder is None) is not (binding is None):
        raise CredentialError("present.binding", "a binding needs the holder's key and a request")
    token = jose.split(text)
    jws = jose.read(token.jwt, "the credential")
    claims = jose.load_object(jws.payload, "the claims")
    chosen = jose.select(token, claims, [jose.path_of(each) for each in disclose])
    if holder is None or binding is None:
        return chosen.bound_text
    bound_to = _holder_key(jose.resolve(claims, token.disclosures).claims)
    if bound_to is None or bound_to != holder.public_key:
        raise CredentialError("present.holder", "the credential is bound to another key, or none")
    moment = datetime.now(UTC) if at is None else at
    stated = {"iat": int(seconds(moment)), "aud": binding.audience, "nonce": binding.nonce}
    return jose.bind(chosen, claims, holder, **stated)


def claims_in(text: str) -> dict[str, Any]:
    """Return the claims that a token discloses, with no trust implied.

    Raises CredentialError where it is malformed.
    """
    token = jose.split(text.strip())
    jws = jose.read(token.jwt, "the credential")
    return jose.resolve(jose.load_object(jws.payload, "the claims"), token.disclosures).claims


def _holder_key(claims: Mapping[str, Any]) -> PublicKey | None:
    """Return the key of ``cnf.jwk``; None where there is no ``cnf``."""
    if "cnf" not in claims:
        return None
    confirmation = claims["cnf"]
    return jose.public_key(confirmation.get("jwk") if isinstance(confirmation, dict) else None)


class SdJwtVerifier:
    """Verifies SD-JWT VCs against one trust store. Immutable and thread-safe.

    Args:
        trust: The certificates, authorities and bare keys that are trusted.
        types: The values of ``typ`` that are accepted. With `ANY_TYPE`, an SD-JWT that is no VC is
            judged by RFC 9901 alone: it needs no ``vct``, and no facts come from it.
        vcts: The types of credential that are accepted; None for all. Facts come from `VCT` and
            from those named here.
        **settings: What verifiers of both formats take (`CredentialSettings`).

    """

    def __init__(
        self,
        trust: TrustStore,
        *,
        types: Collection[str] = (TYPE,),
        vcts: Collection[str] | None = None,
        **settings: Unpack[CredentialSettings],
    ) -> None:
        if isinstance(types, str) or isinstance(vcts, str):
            raise TypeError("types and vcts must be collections of names")
        self._types = frozenset(types)
        self._vcts = None if vcts is None else frozenset(vcts)
        self._judge = Judge(trust, SD_JWT, settings)

    def verify(
        self, text: str, at: datetime | None = None, *, binding: KeyBinding | None = None
    ) -> CredentialVerification:
        """Verify one presentation as of `at`, by default now; raises on no text.

        `binding` is what the verifier asks of the holder. With None the holder's binding is not
        checked, whether the text has one or not, and the check is UNKNOWN.

        Raises:
            TypeError: `at` is not a datetime.
            ValueError: `at` has no time zone.

        """
        now = self._judge.now(at)
        found = Findings(self._judge.granted)
        try:
            return self._verify(text, now, binding, found)
        except CredentialError as error:
            _refuse(error, found)
            return found.result(now, SD_JWT)

    def _verify(
        self, text: str, now: float, binding: KeyBinding | None, found: Findings
    ) -> CredentialVerification:
        token = jose.split(_text(text))
        jws = jose.read(token.jwt, "the credential")
        claims = jose.load_object(jws.payload, "the claims")
        times = {name: _time(claims, name) for name in ("iat", "nbf", "exp")}
        chain = jose.certificates(jws.header)
        if jws.algorithm is None:
            raise CredentialError("format.algorithm", "the signature algorithm is not accepted")
        found.passed("format")
        is_vc = self._judge_type(jws.type, claims, found)
        issued_at, end = times["iat"], times["exp"]
        signer = self._judge.issuers.signer(
            chain, _kid(jws.header), jws.holds, issued_at, now, found
        )
        if signer is None:
            return found.result(now, SD_JWT)
        resolved = _disclosed(claims, token, found)
        judge_time(times["nbf"], issued_at, end, now, self._judge.skew, found, end_inclusive=False)
        vct = claims.get("vct")
        known = is_vc and (vct == VCT or (self._vcts is not None and vct in self._vcts))
        self._judge.issuers.judge_certificate(signer, issued_at, end, now, found)
        if resolved is None:
            judge_usage(signer, (), None, found)
            return found.result(now, SD_JWT)
        holder_key = _judge_binding(token, claims, resolved, binding, now, self._judge.skew, found)
        try:
            payload = mapping.from_claims(resolved) if known else None
        except CredentialError as error:
            found.fail("content", error.code, sentence_of(error))
            payload = None
        judge_usage(signer, self._judge.kinds(payload), None, found)
        self._judge.content(payload, known, now, found)
        answer = self._judge.revoked(resolved, payload, signer, now, found)
        jwk = None if holder_key is None else jose.jwk_of(holder_key)
        stated = [each for each in (times["nbf"], issued_at) if each is not None]
        content = Credential(
            vct if isinstance(vct, str) else None,
            resolved,
            issued_at,
            max(stated, default=None),
            end,
            jwk,
            mapping.unstated("sd-jwt", resolved) if known else (),
        )
        return found.result(
            now,
            SD_JWT,
            certificate=signer,
            payload=payload,
            content=content,
            revocation=answer,
            trust=self._judge.issuers.trust,
        )

    def _judge_type(self, stated: str | None, claims: Mapping[str, Any], found: Findings) -> bool:
        """Decide the check "type"; return whether the token is an SD-JWT VC."""
        name, is_vc = "type", stated in (TYPE, OLD_TYPE)
        other = ANY_TYPE in self._types and stated is not None and stated.endswith("+sd-jwt")
        if stated not in self._types and not (other and stated != OLD_TYPE):
            found.fail(name, "type.not-accepted", "The token is of a type that is not accepted.")
            return False
        vct = claims.get("vct")
        if is_vc and not (isinstance(vct, str) and vct):
            found.fail(name, "type.no-vct", "The credential does not state its type (vct).")
        elif self._vcts is not None and vct not in self._vcts:
            sentence = "The type of credential (vct) is not one that this verifier accepts."
            found.fail(name, "type.other-vct", sentence)
        found.passed(name)
        return is_vc


def _text(given: object) -> str:
    return given.strip() if isinstance(given, str) else ""


def _refuse(error: CredentialError, found: Findings) -> None:
    """Fail the check that the code names."""
    found.fail(
        _CHECK_OF.get(error.code.partition(".")[0], "format"), error.code, sentence_of(error)
    )


_CHECK_OF: Final = {"disclosure": "disclosure", "binding": "holder binding", "content": "content"}


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    if name not in claims:
        return None
    value: Any = claims[name]
    if not is_number(value):
        raise CredentialError("format.time", f"{name} must be a number of seconds")
    found: float = value
    return found


def _kid(header: Mapping[str, Any]) -> bytes | None:
    stated = header.get("kid")
    try:
        return decode_kid(stated) if isinstance(stated, str) else None
    except KeyMaterialError:
        return None


def _disclosed(
    claims: Mapping[str, Any], token: jose.Token, found: Findings
) -> dict[str, Any] | None:
    """Decide the check "disclosure"; return the claims with what is disclosed."""
    try:
        resolved = jose.resolve(claims, token.disclosures)
        hidden = {path[0] for path in resolved.places.values()}
        if hidden & NEVER_HIDDEN:
            raise CredentialError("disclosure.never-hidden", "a claim was hidden that must show")
    except CredentialError as error:
        _refuse(error, found)
        return None
    found.passed("disclosure")
    return resolved.claims


def _judge_binding(
    token: jose.Token,
    claims: Mapping[str, Any],
    resolved: Mapping[str, Any],
    binding: KeyBinding | None,
    now: float,
    skew: float,
    found: Findings,
) -> PublicKey | None:
    """Decide the check "holder binding" (RFC 9901, section 7.3); return the holder's key."""
    name = "holder binding"
    try:
        key = _holder_key(resolved)
    except CredentialError as error:
        found.fail(name, "binding.key", sentence_of(error))
        return None
    if binding is None:
        sentence = "The verifier did not ask for the holder's binding."
        found.unknown(name, "binding.not-asked", sentence)
        return key
    if key is None:
        found.fail(name, "binding.no-key", "The credential is bound to no key.")
    elif token.binding is None:
        found.fail(name, "binding.missing", "The presentation is not bound to the request.")
    else:
        try:
            _check_binding(token, jose.hash_of(claims), key, binding, now, skew)
            found.passed(name)
        except CredentialError as error:
            code = error.code if error.code.startswith("binding.") else "binding.malformed"
            found.fail(name, code, sentence_of(error))
    return key


def _check_binding(
    token: jose.Token,
    digest: Callable[[str], str],
    key: PublicKey,
    binding: KeyBinding,
    now: float,
    skew: float,
) -> None:
    jws = jose.read(token.binding or "", "the key binding")
    if jws.type != jose.BINDING_TYPE:
        raise CredentialError("binding.type", "the key binding is of another type")
    if not jws.holds(key):
        raise CredentialError("binding.signature", "the holder's signature does not hold")
    stated = jose.load_object(jws.payload, "the key binding")
    signed_at: Any = stated.get("iat")
    if not is_number(signed_at):
        raise CredentialError("binding.time", "the key binding states no time")
    if stated.get("aud") != binding.audience:
        raise CredentialError("binding.audience", "the presentation is for another verifier")
    nonce = stated.get("nonce")
    asked = binding.nonce.encode()
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), asked):
        raise CredentialError("binding.nonce", "the presentation answers another request")
    if stated.get("sd_hash") != digest(token.bound_text):
        raise CredentialError("binding.digest", "the binding is over another presentation")
    begin, end = _time(stated, "nbf"), _time(stated, "exp")
    if signed_at > now + skew or (begin is not None and begin > now + skew):
        raise CredentialError("binding.time", "the key binding is from the future")
    if end is not None and now >= end:
        raise CredentialError("binding.time", "the key binding has expired")
    if binding.max_age is not None and now - signed_at > binding.max_age.total_seconds() + skew:
        raise CredentialError("binding.time", "the key binding is too old")
