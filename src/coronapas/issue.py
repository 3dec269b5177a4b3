"""Issue a pass: from a register's facts to the signed text (hcert-spec; DCC schema).

Issuing is strict. When an issuer is created, its settings are checked against each other and
against the certificate, which must be a DSC's and not a CA's, with a key that may sign (hcert-spec,
certificates). Before anything is signed, the facts and the certificate are checked together and
every fault is reported at once: the rules of the payload (`coronapas.dcc.build_dcc`), and that the
DSC may sign this kind of pass, is valid when the pass is issued, and stays valid until it ends.

Issuing has two phases: `Issuer.prepare` needs the facts and no key, `PreparedPass.complete` needs
the signature and no facts. `Issuer.issue` is both, with the signer between them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from coronapas.dcc import _claims as claims
from coronapas.dcc import _uvci as uvcis
from coronapas.dcc._names import language_fault
from coronapas.dcc._scrutiny import ContentPolicy, Scrutiny
from coronapas.dcc._valuesets import COUNTRY, ValueSets
from coronapas.errors import Fault, IssueError
from coronapas.facts import EVENT_TYPES, kind_of
from coronapas.hcert import _cose as cose
from coronapas.hcert import _cwt as cwt
from coronapas.hcert import _envelope as envelope
from coronapas.signing._signer import Signer, SignerSet

if TYPE_CHECKING:
    from coronapas.facts import Event, EventKind, Holder
    from coronapas.presentation._qr import Qr
    from coronapas.presentation._symbol import ErrorLevel
    from coronapas.signing._signer import SignatureCheck, SignatureForm
    from coronapas.trust._certificate import Certificate

__all__ = [
    "DEFAULT_VERSION",
    "Issuer",
    "Pass",
    "PreparedPass",
]

DEFAULT_VERSION: Final = "1.3.2"
"""The DCC schema release that passes are issued in; 1.3.3 changed nothing in effect."""

_OTHER_COUNTRY: Final = Fault(
    "signer.certificate",
    "certificate.country",
    "The certificate is of another country than the issuer.",
    "Issue in the name of the certificate's country.",
)
_AUTHORITY: Final = Fault(
    "signer.certificate",
    "certificate.authority",
    "The certificate is a CA's, which signs certificates but not passes.",
    "Sign with a DSC that the CSCA has issued.",
)
_KEY_USAGE: Final = Fault(
    "signer.certificate",
    "certificate.key-usage",
    "The certificate's key usage does not include digitalSignature.",
    "Sign with a DSC whose key usage includes digitalSignature.",
)


class Pass(NamedTuple):
    """An issued pass."""

    text: str
    """The text that the QR code holds."""
    uvci: str
    """The identifier."""
    iat: int
    """The first second of validity (inclusive), counted from 1970-01-01T00:00:00Z."""
    exp: int
    """The last second of validity (inclusive), counted from 1970-01-01T00:00:00Z."""
    message: bytes
    """The COSE_Sign1 message, before compression."""

    @property
    def issued_at(self) -> datetime:
        """The first moment of validity (inclusive), in UTC, in whole seconds."""
        return datetime.fromtimestamp(self.iat, UTC)

    @property
    def expires(self) -> datetime:
        """The last moment of validity (inclusive), in UTC, in whole seconds."""
        return datetime.fromtimestamp(self.exp, UTC)

    def __repr__(self) -> str:
        return f"<Pass from {self.issued_at:%Y-%m-%dT%H:%MZ} to {self.expires:%Y-%m-%dT%H:%MZ}>"

    def to_json(self) -> dict[str, str]:
        """Return the pass as ``schemas/pass.schema.json`` describes it; its text is personal."""
        return {
            "text": self.text,
            "uvci": self.uvci,
            "issued_at": self.issued_at.isoformat(),
            "expires": self.expires.isoformat(),
        }

    def qr(self, *, error: ErrorLevel | Literal["auto"] = "Q", border: int = 4) -> Qr:
        """Return the pass as a QR code in alphanumeric mode; needs the extra ``qr``."""
        from coronapas.presentation._qr import qr

        return qr(self.text, error=error, border=border)


@dataclass(frozen=True, slots=True)
class PreparedPass:
    """A pass that waits for its signature: nothing is missing but that.

    It holds the holder's data, as the pass will, and the public key; it can be pickled, and its
    `repr` says nothing of the holder. Signing it twice does no harm: identifier and times stay.
    """

    digest: bytes
    """What is to be signed: the SHA-256 digest of the message, 32 bytes."""
    kid: bytes
    """The key identifier of the key that must sign, 8 bytes."""
    uvci: str
    """The identifier."""
    iat: int
    """The first second of validity (inclusive), counted from 1970-01-01T00:00:00Z."""
    exp: int
    """The last second of validity (inclusive), counted from 1970-01-01T00:00:00Z."""
    _check: SignatureCheck
    _head: bytes
    """The COSE_Sign1 message up to its signature."""

    @property
    def algorithm(self) -> int:
        """The COSE algorithm of the signature: -7 (ES256) or -37 (PS256)."""
        return self._check.algorithm

    def complete(self, signature: bytes, *, form: SignatureForm = "raw") -> Pass:
        """Return the pass with its signature, which is checked under the certificate's key.

        Args:
            signature: The signature over `digest`.
            form: How an ECDSA signature is encoded: r and s in 64 bytes, or DER.

        Raises:
            SigningError: It is not a signature of that key over this pass.

        """
        checked = self._check(signature, self.digest, form=form)
        return _sealed(self._head, checked, self.uvci, self.iat, self.exp)

    def __repr__(self) -> str:
        start, end = (datetime.fromtimestamp(each, UTC) for each in (self.iat, self.exp))
        return f"<PreparedPass from {start:%Y-%m-%dT%H:%MZ} to {end:%Y-%m-%dT%H:%MZ}>"


class Issuer:
    """Issues passes for one country; immutable and thread-safe.

    An issuer can be pickled as far as its signers can: see `coronapas.signing.Signer`.

    Args:
        country: The issuing country's ISO 3166-1 alpha-2 code (claim ``iss``); it is also written
            to an entry whose event names no country.
        signer: The key, or a set of keys of which one is chosen by the kind of event and the moment
            of issue. If it has a certificate, every pass is checked against it.
        name: The organisation that the entry names as issuer (``is``); by default the country.
        version: The schema release, 1.3.2 or 1.3.0.
        language: The language of the holders' names (two letters of ISO 639-1, subtags allowed),
            where the transliteration of their script depends on it.
        value_sets: The value sets by which codes are judged; by default the bundled release.
        policy: What an issuing country may see differently.

    """

    def __init__(
        self,
        country: str,
        signer: Signer | SignerSet,
        *,
        name: str | None = None,
        version: str = DEFAULT_VERSION,
        language: str | None = None,
        value_sets: ValueSets | None = None,
        policy: ContentPolicy | None = None,
    ) -> None:
        """Check the settings against each other, and against the certificate.

        Raises:
            IssueError: With every fault that all passes would have: an unknown country, a name that
                no pass can state, a release that cannot be issued, an unknown language; a
                certificate of another country, of a CA, or whose key usage does not include
                digitalSignature (without a key usage nothing is restricted).
            TypeError: `signer`, `value_sets` or `policy` is of another type.
            KeyMaterialError: The certificate cannot be read.

        """
        _check_types(signer, value_sets, policy, SignerSet)
        faults = _settings_faults(country, name, version, language, value_sets)
        for each in (signer,) if isinstance(signer, Signer) else signer.signers:
            found = _certificate_faults(each.certificate, country)
            faults += (fault for fault in found if fault not in faults)
        if faults:
            raise IssueError(faults)
        self._country = country
        self._signers = signer
        # Read once: every pass is checked against them.
        signers = (signer,) if isinstance(signer, Signer) else signer.signers
        self._seals = {each: _Seal.of(each) for each in signers}
        self._name = country if name is None else name
        self._version = version
        self._language = language
        self._value_sets = value_sets
        self._policy = ContentPolicy() if policy is None else policy

    @property
    def country(self) -> str:
        """The issuing country."""
        return self._country

    def issue(
        self,
        holder: Holder,
        event: Event,
        *,
        expires: datetime | timedelta,
        issued_at: datetime | None = None,
        uvci: str | None = None,
    ) -> Pass:
        """Issue a pass that states `event` of `holder`.

        Args:
            holder: The person.
            event: The vaccination, test or recovery.
            expires: The last moment of validity (inclusive), with a time zone, or the time from the
                issue to it; cut to whole seconds.
            issued_at: The moment of issue, with a time zone, cut to whole seconds; by default now.
            uvci: The identifier; by default a random one of the issuing country.

        Raises:
            IssueError: With every fault of the facts and of the certificate.
            SigningError: A remote signer failed.
            TypeError: A moment is not a datetime.

        """
        signer, to_sign, head, identifier, iat, exp = self._unsigned(
            holder, event, expires, issued_at, uvci
        )
        return _sealed(head, signer.sign(to_sign), identifier, iat, exp)

    def prepare(
        self,
        holder: Holder,
        event: Event,
        *,
        expires: datetime | timedelta,
        issued_at: datetime | None = None,
        uvci: str | None = None,
    ) -> PreparedPass:
        """Return the pass that `issue` would issue, before it is signed; no key is used.

        The arguments are those of `issue`. `PreparedPass.kid` says which signer of a set must sign.

        Raises:
            IssueError: With every fault of the facts and of the certificate.
            TypeError: A moment is not a datetime.

        """
        signer, to_sign, head, identifier, iat, exp = self._unsigned(
            holder, event, expires, issued_at, uvci
        )
        digest = sha256(to_sign).digest()
        return PreparedPass(digest, signer.kid, identifier, iat, exp, signer.check, head)

    def _unsigned(
        self,
        holder: Holder,
        event: Event,
        expires: datetime | timedelta,
        issued_at: datetime | None,
        uvci: str | None,
    ) -> tuple[Signer, bytes, bytes, str, int, int]:
        """Return the signer, what it signs, the message before that; ``ci``, ``iat``, ``exp``."""
        identifier = uvcis.make(self._country) if uvci is None else uvci
        faults: list[Fault] = []
        signer, iat, exp, dcc = self._examined(
            holder, event, expires, issued_at, identifier, faults
        )
        if faults or signer is None:
            raise IssueError(faults)
        payload = cwt.dump(issuer=self._country, issued_at=iat, expires=exp, hcert={cwt.DCC: dcc})
        to_sign, head = cose.unsigned(payload, algorithm=signer.algorithm, kid=signer.kid)
        return signer, to_sign, head, identifier, iat, exp

    def faults(
        self,
        holder: Holder,
        event: Event,
        *,
        expires: datetime | timedelta,
        issued_at: datetime | None = None,
        uvci: str | None = None,
    ) -> tuple[Fault, ...]:
        """Return all faults for which `issue` would refuse the same arguments; nothing is signed.

        Raises TypeError if a moment is not a datetime.
        """
        identifier = uvcis.make(self._country) if uvci is None else uvci
        faults: list[Fault] = []
        self._examined(holder, event, expires, issued_at, identifier, faults)
        return tuple(faults)

    def _examined(
        self,
        holder: Holder,
        event: Event,
        expires: datetime | timedelta,
        issued_at: datetime | None,
        uvci: str,
        faults: list[Fault],
    ) -> tuple[Signer | None, int, int, dict[str, Any]]:
        """Return the signer, ``iat``, ``exp`` and the DCC; add what is wrong to `faults`."""
        start = datetime.now(UTC) if issued_at is None else issued_at
        iat, exp = _lifetime(start, expires, faults)
        on = start if start.tzinfo is not None else start.replace(tzinfo=UTC)
        signer = self._signer_for(event, on, faults)
        if signer is not None:
            self._seals[signer].check(event, iat, exp, faults)
        return signer, iat, exp, self._claims(holder, event, uvci, on, faults)

    def _signer_for(self, event: Event, at: datetime, faults: list[Fault]) -> Signer | None:
        """Return the signer of a pass issued at a moment; add a fault where none may sign it."""
        signers = self._signers
        if isinstance(signers, Signer):
            return signers
        given: object = event  # another type is a fault of the facts, reported elsewhere
        if faults or not isinstance(given, EVENT_TYPES):
            return None
        kind = kind_of(event)
        found = signers.choose(kind, at)
        if found is None:
            faults.append(
                Fault(
                    "signer",
                    "signer.none",
                    f"No signer of the set may sign a {kind} pass at that moment.",
                    "Add one whose term and certificate cover it.",
                )
            )
        return found

    def _claims(
        self, holder: Holder, event: Event, uvci: str, on: datetime, faults: list[Fault]
    ) -> dict[str, Any]:
        try:
            return claims.build(
                holder,
                event,
                country=self._country,
                issuer=self._name,
                uvci=uvci,
                on=on,
                version=self._version,
                value_sets=self._value_sets,
                language=self._language,
                policy=self._policy,
            )
        except IssueError as error:
            faults[:0] = error.faults
            return {}


def _sealed(head: bytes, signature: bytes, uvci: str, iat: int, exp: int) -> Pass:
    """Return the pass of a message up to its signature, and that, which is known to hold."""
    message = cose.with_signature(head, signature)
    text = envelope.encode(message, signature_length=len(signature))
    return Pass(text, uvci, iat, exp, message)


@dataclass(frozen=True, slots=True)
class _Seal:
    """What a signer's certificate allows: kinds (none: all), and its time in seconds since 1970."""

    usages: frozenset[EventKind] = frozenset()
    first: int | None = None
    last: int | None = None

    @classmethod
    def of(cls, signer: Signer) -> _Seal:
        own = signer.certificate
        return cls() if own is None else cls(own.usages, own.not_before_ts, own.not_after_ts)

    def check(self, event: Event, iat: int, exp: int, faults: list[Fault]) -> None:
        """Add what keeps the DSC from signing this pass (hcert-spec, chapter 4) to `faults`.

        Times that are at fault themselves are not compared.
        """
        first, last = (None, None) if faults else (self.first, self.last)
        kind = None
        given: object = event  # another type is a fault of the facts, reported elsewhere
        if self.usages and isinstance(given, EVENT_TYPES):
            kind = kind_of(event)
        if kind is not None and kind not in self.usages:
            faults.append(
                Fault(
                    "signer.certificate",
                    "certificate.usage",
                    f"The certificate may not sign a {kind} pass.",
                    "Sign with a DSC whose key usage covers it.",
                )
            )
        if first is not None and iat < first:
            faults.append(
                Fault(
                    "issued_at",
                    "certificate.not-begun",
                    "The pass is issued before the certificate is valid.",
                    "Sign with a DSC that is already valid.",
                )
            )
        if last is not None and exp > last:
            faults.append(
                Fault(
                    "expires",
                    "certificate.outlived",
                    "The pass outlives the certificate.",
                    "Let the pass end before the DSC does, or sign with a longer-lived DSC.",
                )
            )


def _check_types(
    signer: object, value_sets: object, policy: object, *signers: type[SignerSet]
) -> None:
    """Raise TypeError if a part of an issuer is of another type; only the signer is required."""
    if isinstance(signer, signers):
        signer = signer.signers[0]
    for kind, value in ((Signer, signer), (ValueSets, value_sets), (ContentPolicy, policy)):
        if not isinstance(value, kind) and (value is not None or kind is Signer):
            raise TypeError(f"must be a {kind.__name__}, got {type(value).__name__}")


def _settings_faults(
    country: object,
    name: object,
    version: object,
    language: object,
    value_sets: ValueSets | None,
) -> list[Fault]:
    """Return the faults that the settings of an issuer would cause in every pass.

    Their fields are ``country``, ``name`` (which may be None), ``version`` and ``language``.
    """
    sets = ValueSets.default() if value_sets is None else value_sets
    scrutiny = Scrutiny(sets, ContentPolicy(), date.max)
    faults = scrutiny.faults
    if not isinstance(country, str) or sets.code(COUNTRY, country) is None:
        faults.append(
            Fault(
                "country",
                "country.unknown",
                "The country is not an ISO 3166-1 alpha-2 code of the value set.",
                "Give the issuing country's two capital letters.",
            )
        )
    if name is not None:
        scrutiny.text("name", name)
    if not isinstance(version, str) or version not in claims.FAMILY_NAME_NEEDED:
        known = " or ".join(claims.FAMILY_NAME_NEEDED)
        faults.append(
            Fault(
                "version",
                "version.unsupported",
                "Passes of this schema version cannot be issued.",
                f"Use {known}.",
            )
        )
    wrong = language_fault(language)
    return faults if wrong is None else [*faults, wrong]


def _certificate_faults(certificate: Certificate | None, country: str) -> list[Fault]:
    """Return why a certificate may not sign in a country's name; nothing for None.

    hcert-spec, certificates: a DSC belongs to its country, is not a CA's, and its key usage
    includes digitalSignature. RFC 5280, section 4.2.1.3: without that extension the key is not
    restricted; bare keys have none. Raises KeyMaterialError for unreadable extensions.
    """
    if certificate is None:
        return []
    faults = []
    if certificate.country not in (None, country):
        faults.append(_OTHER_COUNTRY)
    if certificate.is_authority:
        faults.append(_AUTHORITY)
    uses = certificate.key_usage
    if uses is not None and "digitalSignature" not in uses:
        faults.append(_KEY_USAGE)
    return faults


def _lifetime(
    start: datetime, expires: datetime | timedelta, faults: list[Fault]
) -> tuple[int, int]:
    """Return ``iat`` and ``exp`` in whole seconds; zeros if one of them is at fault."""
    if not (type(start) is datetime and start.tzinfo and type(expires) is timedelta):
        _check_moment("issued_at", start, datetime, faults)
        _check_moment("expires", expires, (datetime, timedelta), faults)
        if faults:
            return 0, 0
    try:
        end = start + expires if isinstance(expires, timedelta) else expires
        iat, exp = math.floor(start.timestamp()), math.floor(end.timestamp())
    except OverflowError:
        iat = exp = 0
    if exp <= iat:
        faults.append(
            Fault(
                "expires",
                "time.order",
                "The pass would end before it begins, or beyond the calendar.",
                "Let it end after `issued_at`, and before the year 10000.",
            )
        )
    return iat, exp


def _check_moment(
    name: str, given: object, kinds: type | tuple[type, ...], faults: list[Fault]
) -> None:
    if not isinstance(given, kinds):
        raise TypeError(f"{name} must be a datetime, got {type(given).__name__}")
    if isinstance(given, datetime) and given.utcoffset() is None:
        faults.append(
            Fault(
                name,
                "time.no-zone",
                "The moment has no time zone.",
                "Give a datetime with a tzinfo, such as UTC.",
            )
        )
