"""The issuers of credentials: what issuing takes, and from whom a credential is.

Issuing is strict, whatever the format, and says all faults at once. The content must be a payload
without any deviation from the strict rules of its release; the signer's certificate must be able to
issue it, must be none of an authority, and must outlive it.

For a verifier, the certificates of a credential (``x5c``, ``x5chain``) only say who signed. Its
leaf counts where

1. the trust store holds that very certificate, or its bare key;
2. or a chain of at most `MAX_CHAIN` certificates leads from it to an authority of the trust store,
   each link as for a DSC (`coronapas.trust`), valid at the moment of the check, no longer than its
   authorities allow (RFC 5280, pathLenConstraint), and without a critical extension that is not
   known here; and no list of the trust store has left that leaf out.

A credential without certificates counts where a key of the trust store signed it: those with its
key identifier, or, where none is named, a store of at most `MAX_TRIED` keys.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from cryptography import x509

from coronapas._time import moment, seconds
from coronapas.dcc._examiner import default_examiner
from coronapas.dcc._reader import kind_of
from coronapas.errors import CredentialError, Fault, IssueError, KeyMaterialError
from coronapas.tolerances import Deviation
from coronapas.trust._anchors import Authorities, fault_between
from coronapas.trust._certificate import Certificate
from coronapas.verify._keyring import DEFAULT_POLICY, admission

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes

    from coronapas.facts import EventKind
    from coronapas.signing import Signer
    from coronapas.trust import Source, TrustStore
    from coronapas.verify import CertificateTime, Profile, TrustPolicy
    from coronapas.wallets._result import Findings

MAX_CHAIN: Final = 5
"""The most certificates that a credential may state, inclusive."""
MAX_READ: Final = 8
"""The most certificates that are read at all, inclusive."""
MAX_TRIED: Final = 32
"""The most keys that are tried for a credential that names none, inclusive."""

_KNOWN_CRITICAL: Final = frozenset(
    {"2.5.29.15", "2.5.29.17", "2.5.29.18", "2.5.29.19", "2.5.29.31", "2.5.29.32", "2.5.29.37"}
)


class Lifetime(NamedTuple):
    """The first and the last moment of validity, in whole seconds since 1970-01-01T00:00:00Z."""

    issued_at: int
    expires: int


@dataclass(frozen=True, slots=True)
class StatusReference:
    """Where a credential's status stands: an index, from 0, in the list of that address."""

    index: int
    """The place in the list, from 0."""
    uri: str
    """The address of the list."""

    def __post_init__(self) -> None:
        if self.index < 0 or not self.uri:
            raise ValueError("a status stands at an index, from 0, of a list with an address")

    def to_claim(self) -> dict[str, Any]:
        """Return the claim ``status`` (Token Status List, draft 20, section 6)."""
        return {"status_list": {"idx": self.index, "uri": self.uri}}


def lifetime(issued_at: datetime | None, expires: datetime | timedelta) -> Lifetime:
    """Return the validity in whole seconds, cut; by default it begins now.

    Raises IssueError where it ends before it begins.
    """
    begin = datetime.now(UTC) if issued_at is None else issued_at
    end = begin + expires if isinstance(expires, timedelta) else expires
    found = Lifetime(int(seconds(begin)), int(seconds(end)))
    if found.expires < found.issued_at:
        problem = "The validity ends before it begins."
        raise IssueError([Fault("expires", "validity.order", problem, "Give a later moment.")])
    return found


def chain_of(signer: Signer, chain: Sequence[Certificate]) -> tuple[Certificate, ...]:
    """Return the certificates to state, the signer's own first; none for a bare key."""
    own = signer.certificate
    if own is None or own.der is None:
        return ()
    return (own, *(each for each in chain if each.der is not None and each != own))


def check_signer(signer: Signer, life: Lifetime, payload: Mapping[str, Any] | None) -> None:
    """Raise IssueError with every reason why the signer cannot issue such a credential."""
    certificate = signer.certificate
    faults: list[Fault] = []
    if payload is not None:
        faults += [
            Fault(
                each.field,
                each.code,
                f"{each.note[:1].upper()}{each.note[1:]}.",
                "Give a payload that follows the strict rules of its release.",
            )
            for each in default_examiner().examine(payload)
        ]
    if certificate is not None and certificate.der is not None:
        faults += _certificate_faults(certificate, life, payload)
    if faults:
        raise IssueError(faults)


def _certificate_faults(
    certificate: Certificate, life: Lifetime, payload: Mapping[str, Any] | None
) -> list[Fault]:
    found: list[tuple[str, str]] = []
    if certificate.is_authority:
        found.append(("certificate.authority", "The certificate is an authority's."))
    if not certificate.may_sign_data:
        found.append(("certificate.key-usage", "The key usage does not include digitalSignature."))
    kind = None if payload is None else kind_of(payload)
    if kind is not None and not certificate.may_sign(kind):
        found.append(("certificate.usage", f"The certificate may not sign a {kind}."))
    first, last = certificate.not_before_ts, certificate.not_after_ts
    if first is not None and last is not None:
        if not first <= life.issued_at <= last:
            found.append(("certificate.validity", "The certificate is not valid at the issue."))
        if life.expires > last:
            found.append(("certificate.outlived", "The credential would outlive its certificate."))
    hint = "Sign with a DSC that allows it."
    return [Fault("signer.certificate", code, problem, hint) for code, problem in found]


class _Candidate(NamedTuple):
    """A certificate whose key may have signed, and the end of the trust in it in seconds.

    `objection` says why the trust policy does not accept it: a code and a sentence, or None.
    """

    certificate: Certificate
    until: float
    objection: tuple[str, str] | None = None


class Issuers:
    """The issuers that one trust store vouches for; safe to share between threads."""

    def __init__(
        self,
        trust: TrustStore,
        skew: float,
        certificate_time: CertificateTime,
        profile: Profile,
        policy: TrustPolicy = DEFAULT_POLICY,
    ) -> None:
        self.trust = trust
        self._profile = profile
        self._policy = policy
        self._skew = skew
        self._time = certificate_time
        self._authorities = Authorities(each for each in trust if _is_authority(each))
        self._held: dict[bytes | None, Certificate] = {
            each.der: each for each in trust if each.der is not None
        }
        self._bare = {each.spki: each for each in trust if each.der is None}

    def signer(
        self,
        chain: Sequence[Certificate],
        kid: bytes | None,
        holds: Callable[[PublicKeyTypes], bool],
        issued_at: float | None,
        now: float,
        found: Findings,
    ) -> Certificate | None:
        """Return the certificate that signed; None where none did, with the reason in `found`.

        Decides the checks "key identifier" and "signature"; `holds` says whether a key signed.
        """
        name = "key identifier"
        at = now if self._time == "now" or issued_at is None else issued_at
        signers = self._by_chain(chain, at, found) if chain else self._without(kid, found)
        if not signers:
            return None
        objections = [each.objection for each in signers if each.objection is not None]
        if len(objections) == len(signers):
            found.fail(name, *objections[-1])
            return None
        listed = [each for each in signers if each.objection is None and now <= each.until]
        if not listed:
            sentence = "Every list that holds the key is too old."
            found.fail(name, "identifier.list-expired", sentence)
            return None
        found.passed(name)
        for each in listed:
            try:
                _check(each.certificate)
                if holds(each.certificate.public_key):
                    found.passed("signature")
                    return each.certificate
            except KeyMaterialError:
                continue
        sentence = "The signature does not hold: the credential was changed, or another key signed."
        found.fail("signature", "signature.invalid", sentence)
        return None

    def _by_chain(
        self, chain: Sequence[Certificate], at: float, found: Findings
    ) -> list[_Candidate] | None:
        name, leaf = "key identifier", chain[0]
        if len(chain) > MAX_CHAIN:
            sentence = "The credential states too many certificates."
            found.fail(name, "identifier.chain-too-long", sentence)
            return None
        try:
            held = self._held.get(leaf.der) or self._bare.get(leaf.spki)
            if held is not None:
                return [self._listed(held)]
            # A list can leave a certificate out that its authority still vouches for.
            dropped = self.trust.dropped_with(leaf.kid)
            anchor = "identifier.dropped" if dropped else self._anchor(chain, at)
        except KeyMaterialError:
            anchor = "identifier.unreadable"
        if isinstance(anchor, str):
            found.fail(name, anchor, _CHAIN_FAULTS[anchor])
            return None
        return [self._listed(anchor, leaf)]

    def _anchor(self, chain: Sequence[Certificate], at: float) -> Certificate | str:
        """Return the trusted authority that a chain leads to, or the code of its fault."""
        moment_ = moment(at)
        for place, certificate in enumerate(chain):
            if _unknown_critical(certificate):
                return "identifier.critical-extension"
            if place and (fault_between(chain[place - 1], certificate) is not None):
                return "identifier.unknown"
            if place and not (certificate.valid_at(moment_) and _allows(certificate, place - 1)):
                return "identifier.chain"
            anchor = self._authorities.link(certificate).issuer
            if anchor is not None and anchor.der != certificate.der:
                if anchor.valid_at(moment_) and _allows(anchor, place):
                    return anchor
                return "identifier.chain"
        return "identifier.unknown"

    def _without(self, kid: bytes | None, found: Findings) -> list[_Candidate] | None:
        name = "key identifier"
        candidates = () if kid is None else self.trust.by_kid(kid)
        if not candidates and len(self.trust) <= MAX_TRIED:
            candidates = self.trust.certificates
        if not candidates:
            sentence = "The credential names no key that the trust store holds."
            found.fail(name, "identifier.unknown", sentence)
            return None
        return [self._listed(each) for each in candidates]

    def _listed(self, held: Certificate, leaf: Certificate | None = None) -> _Candidate:
        """Return a signer that a certificate of the store vouches for: itself, or its leaf."""
        sources = self.trust.sources_of(held)
        if leaf is not None:
            # A list states of an authority that it signs certificates, which is what it did.
            sources = tuple(_as_signer(each) for each in sources)
        admitted = admission(self._policy, sources, self._profile)
        until = min(admitted.until, self.trust.trusted_until_ts(held))
        return _Candidate(held if leaf is None else leaf, until, admitted.objection)

    def judge_certificate(
        self,
        certificate: Certificate,
        issued_at: float | None,
        expires: float | None,
        now: float,
        found: Findings,
    ) -> None:
        """Judge the certificate's validity against the issue, the check and the end."""
        name = "certificate validity"
        first, last = certificate.not_before_ts, certificate.not_after_ts
        if first is None or last is None:
            found.unknown(name, "validity.not-stated", "The trust store states no validity.")
            return
        if certificate.is_authority:
            note = "the certificate is an authority's, which signs no credentials"
            found.deviate((Deviation("certificate.authority", "", note),))
        if issued_at is not None and not first <= issued_at <= last:
            sentence = "The credential was issued when the certificate was not valid."
            found.fail(name, "validity.not-when-issued", sentence)
        if expires is not None and expires > last:
            note = "the credential outlives its certificate"
            found.deviate((Deviation("certificate.outlived", "exp", note),))
        if self._time == "now" or issued_at is None:
            if now > last:
                found.fail(name, "validity.over", "The certificate is no longer valid.")
            elif now + self._skew < first:
                found.fail(name, "validity.not-begun", "The certificate is not valid yet.")
        found.passed(name)


_CHAIN_FAULTS: Final = {
    "identifier.unknown": "The certificates lead to no authority that is trusted.",
    "identifier.dropped": "The certificate was left out of the trust list.",
    "identifier.unreadable": "The certificates cannot be read.",
    "identifier.chain": "A certificate of the chain is not valid, or allows no such chain.",
    "identifier.critical-extension": "A certificate has a critical extension that is not known.",
}


def judge_usage(
    certificate: Certificate,
    kinds: Collection[EventKind],
    purpose: str | None,
    found: Findings,
) -> None:
    """Decide the check "key usage": the key may sign, for this purpose, these kinds of event."""
    name = "key usage"
    if not certificate.may_sign_data:
        found.fail(name, "usage.no-signature", "The certificate's key may not sign anything.")
    stated = certificate.key_purposes
    if purpose is not None and certificate.der is not None and purpose not in stated:
        sentence = "The certificate is not for issuers of this type of credential."
        found.fail(name, "usage.purpose", sentence)
    for kind in kinds:
        if not certificate.may_sign(kind):
            sentence = f"The certificate may not sign a {kind} credential."
            found.fail(name, "usage.not-allowed", sentence)
    found.passed(name)


_AUTHORITIES: Final = frozenset({"SCA", "CSCA"})
"""The usages that lists state of authorities."""


def _as_signer(source: Source) -> Source:
    listing = source.listing
    if listing is None or listing.usage not in _AUTHORITIES:
        return source
    return replace(source, listing=listing._replace(usage="DSC"))


def certificates_of(item: object) -> tuple[Certificate, ...]:
    """Return the certificates of an ``x5chain``, the leaf first (RFC 9360); none where absent."""
    if item is None:
        return ()
    stated = list(item) if isinstance(item, list | tuple) else [item]
    ders = [each for each in stated if isinstance(each, bytes)]
    if not 0 < len(ders) <= MAX_READ or len(ders) < len(stated):
        raise CredentialError("format.certificates", "the x5chain is malformed")
    try:
        return tuple(Certificate(each) for each in ders)
    except KeyMaterialError as error:
        raise CredentialError("format.certificates", f"the x5chain: {error}") from None


def _check(certificate: Certificate) -> None:
    """Read all that is judged later; raise KeyMaterialError at the first fault."""
    certificate.check()
    _ = (certificate.is_authority, certificate.may_sign_data, certificate.key_purposes)


def _is_authority(certificate: Certificate) -> bool:
    try:
        return certificate.is_authority
    except KeyMaterialError:
        return False


def _unknown_critical(certificate: Certificate) -> bool:
    return any(each.critical and each.oid not in _KNOWN_CRITICAL for each in certificate.extensions)


def _allows(authority: Certificate, below: int) -> bool:
    """Whether an authority allows so many authorities below it (pathLenConstraint)."""
    try:
        found = authority.to_cryptography().extensions.get_extension_for_class(
            x509.BasicConstraints
        )
    except Exception:  # strict parsing refuses in many ways, and nothing is allowed then
        return False
    length = found.value.path_length
    return length is None or length >= below
