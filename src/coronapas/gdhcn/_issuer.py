"""Issue WHO's claims: a certificate of vaccination (ICVP, claim -6), or a health link (claim 5).

Issuing is strict (smart-icvp, requirements of 2026-04-16): shape B alone; one person and one dose;
a full date of birth; a sex and a nationality in codes; a product of the catalogue that was approved
on the day of the dose; the batch; the participant's code as the authority; the dose not after the
issue; no issue before 2025-09-19; nothing that follows from the product, such as the disease. All
faults are reported at once.

``exp`` is the end of the signature, within the certificate's validity. What the dose protects from,
and until when, is not stated in the claim: `coronapas.gdhcn.judge` computes it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeVar

from coronapas.dcc._text import normal
from coronapas.errors import Fault, IssueError
from coronapas.facts import EventKind
from coronapas.gdhcn._catalogue import Catalogue
from coronapas.gdhcn._icvp import (
    COUNTRY_3,
    ICVP_LABEL,
    LATEST_VERSION,
    SEXES,
    Icvp,
    Prophylaxis,
    Shape,
    Traveller,
    write,
)
from coronapas.gdhcn._link import LINK_LABEL, Link, judge_link
from coronapas.hcert import _cose as cose
from coronapas.hcert import _cwt as cwt
from coronapas.hcert import _envelope as envelope
from coronapas.issue import _certificate_faults, _lifetime
from coronapas.signing import Signer
from coronapas.tolerances import COUNTRIES

if TYPE_CHECKING:
    from coronapas.presentation._qr import Qr
    from coronapas.presentation._symbol import ErrorLevel
    from coronapas.signing._signer import SignatureCheck, SignatureForm

FIRST_ISSUE: Final = datetime(2025, 9, 19, tzinfo=UTC)
"""The first moment at which such certificates may be issued."""

LONGEST: Final = 200
"""The longest text of a field, in characters, inclusive: this project's bound."""

_OLD_FIELDS: Final = (
    "disease",
    "dose",
    "market_holder",
    "manufacturer",
    "manufacturer_id",
    "valid_from",
    "valid_until",
)


class IssuedClaim(NamedTuple):
    """A signed claim of WHO's."""

    text: str
    """The text that the QR code holds."""
    iat: int
    """The moment of issue, counted in seconds from 1970-01-01T00:00:00Z."""
    exp: int
    """The last second of the signature (inclusive), counted from 1970-01-01T00:00:00Z."""
    message: bytes
    """The COSE_Sign1 message, before compression."""

    @property
    def issued_at(self) -> datetime:
        """The moment of issue, in UTC, in whole seconds."""
        return datetime.fromtimestamp(self.iat, UTC)

    @property
    def expires(self) -> datetime:
        """The last moment of the signature (inclusive), in UTC, in whole seconds."""
        return datetime.fromtimestamp(self.exp, UTC)

    def __repr__(self) -> str:
        start, end = (f"{each:%Y-%m-%dT%H:%MZ}" for each in (self.issued_at, self.expires))
        return f"<IssuedClaim from {start} to {end}>"

    def qr(self, *, error: ErrorLevel | Literal["auto"] = "Q", border: int = 4) -> Qr:
        """Return the claim as a QR code in alphanumeric mode; needs ``coronapas[qr]``."""
        from coronapas.presentation._qr import qr

        return qr(self.text, error=error, border=border)


@dataclass(frozen=True, slots=True)
class PreparedClaim:
    """A claim of WHO's that waits for its signature: nothing is missing but that.

    `digest` is what is to be signed (SHA-256, 32 bytes), `kid` names the key that must sign; `iat`
    and `exp` are those of the `IssuedClaim`. It can be pickled, and holds no key but the public
    one.
    """

    digest: bytes = field(repr=False)
    kid: bytes = field(repr=False)
    iat: int
    exp: int
    _check: SignatureCheck = field(repr=False)
    _head: bytes = field(repr=False)

    @property
    def algorithm(self) -> int:
        """The COSE algorithm of the signature: -7 (ES256) or -37 (PS256)."""
        return self._check.algorithm

    def complete(self, signature: bytes, *, form: SignatureForm = "raw") -> IssuedClaim:
        """Return the claim with its signature over `digest`, which is checked.

        `form` says how an ECDSA signature is encoded. Raises SigningError if it is not a signature
        of that key over this claim.
        """
        return self._sealed(self._check(signature, self.digest, form=form))

    def _sealed(self, signature: bytes) -> IssuedClaim:
        """Return the claim with a signature in COSE's form that is known to hold."""
        message = cose.with_signature(self._head, signature)
        text = envelope.encode(message, signature_length=len(signature))
        return IssuedClaim(text, self.iat, self.exp, message)


class _ClaimIssuer:
    """What the issuers of both claims share: a signer, an issuer's code, times."""

    def __init__(self, signer: Signer, country: str | None, extra: list[Fault]) -> None:
        _check_type("signer", signer, Signer)
        certificate = signer.certificate
        own = None if certificate is None else certificate.country
        country = own if country is None else country
        faults = list(extra)
        if not isinstance(country, str) or not (
            country in COUNTRIES or COUNTRY_3.fullmatch(country)
        ):
            faults.append(
                Fault(
                    "country",
                    "country.unknown",
                    "The country is not a code of two or three capitals.",
                    "Give the issuing country, as its certificate names it.",
                )
            )
        else:
            # A participant's three letters cannot be compared with the certificate's two.
            compared = country if country in COUNTRIES or own is None else own
            faults += _certificate_faults(certificate, compared)
        if faults:
            raise IssueError(faults)
        self._signer = signer
        self._country = str(country)

    @property
    def country(self) -> str:
        """What ``iss`` states."""
        return self._country

    def _times(
        self,
        expires: datetime | timedelta,
        issued_at: datetime | None,
        kind: EventKind | None,
        faults: list[Fault],
    ) -> tuple[int, int]:
        """Return ``iat`` and ``exp``; add what is wrong with them and the certificate."""
        own: list[Fault] = []
        start = datetime.now(UTC) if issued_at is None else issued_at
        iat, exp = _lifetime(start, expires, own)
        certificate = self._signer.certificate
        if certificate is not None and not own:
            if certificate.not_before_ts is not None and iat < certificate.not_before_ts:
                problem = "The claim is issued before the certificate is valid."
                hint = "Sign with a DSC that is already valid."
                own.append(Fault("issued_at", "certificate.not-begun", problem, hint))
            if certificate.not_after_ts is not None and exp > certificate.not_after_ts:
                problem = "The claim outlives the certificate."
                hint = "Let the signature end before the DSC does, or sign with a longer-lived DSC."
                own.append(Fault("expires", "certificate.outlived", problem, hint))
            if kind is not None and certificate.usages and kind not in certificate.usages:
                problem = f"The certificate may not sign a {kind}."
                hint = "Sign with a DSC whose key usage covers it."
                own.append(Fault("signer.certificate", "certificate.usage", problem, hint))
        faults += own
        return iat, exp

    def _prepare(self, iat: int, exp: int, label: int, claim: object) -> PreparedClaim:
        signer = self._signer
        payload = cwt.dump(issuer=self._country, issued_at=iat, expires=exp, hcert={label: claim})
        to_sign, head = cose.unsigned(payload, algorithm=signer.algorithm, kid=signer.kid)
        digest = sha256(to_sign).digest()
        return PreparedClaim(digest, signer.kid, iat, exp, signer.check, head)

    def _sign(self, prepared: PreparedClaim) -> IssuedClaim:
        return prepared._sealed(self._signer.sign_digest(prepared.digest))


class IcvpIssuer(_ClaimIssuer):
    """Issues certificates of vaccination for one participant; immutable and thread-safe.

    Args:
        signer: The key. If it has a certificate, every claim is checked against it.
        participant: The participant's code in WHO's network: three capitals.
        catalogue: The products that may be certified.
        country: What ``iss`` states: two capitals, or a participant's three; by default the
            country of the certificate.
        version: The version that is stated.
        issue_date: Whether the claim states the day of issue (``d``), which recent drafts ask for.

    """

    def __init__(
        self,
        signer: Signer,
        participant: str,
        catalogue: Catalogue,
        *,
        country: str | None = None,
        version: str = LATEST_VERSION,
        issue_date: bool = False,
    ) -> None:
        """Check the settings against each other, and against the certificate.

        Raises IssueError with every fault, TypeError for a signer or catalogue of another type.
        """
        _check_type("catalogue", catalogue, Catalogue)
        _check_type("signer", signer, Signer)
        faults = []
        if not COUNTRY_3.fullmatch(participant):
            problem = "The participant's code must be three capitals."
            hint = "Give the code under which WHO lists the participant."
            faults.append(Fault("participant", "participant.form", problem, hint))
        if not version.strip():
            problem = "The version must be a text that is not empty."
            faults.append(Fault("version", "version.unsupported", problem, "Leave it out."))
        own = signer.certificate
        if country is None and (own is None or own.country is None):
            country = participant
        super().__init__(signer, country, faults)
        self._participant = participant
        self._catalogue = catalogue
        self._version = version
        self._issue_date = issue_date

    def issue(
        self,
        traveller: Traveller,
        dose: Prophylaxis,
        *,
        expires: datetime | timedelta,
        issued_at: datetime | None = None,
    ) -> IssuedClaim:
        """Issue a certificate of one dose.

        Args:
            traveller: The person, as the document for travelling states it.
            dose: The dose. Its `authority` may be left out: it is the participant.
            expires: The last moment of the signature (inclusive), with a time zone, or the time
                from the issue to it; cut to whole seconds.
            issued_at: The moment of issue, with a time zone; by default now.

        Raises:
            IssueError: With every fault.
            SigningError: A remote signer failed.

        """
        return self._sign(self.prepare(traveller, dose, expires=expires, issued_at=issued_at))

    def prepare(
        self,
        traveller: Traveller,
        dose: Prophylaxis,
        *,
        expires: datetime | timedelta,
        issued_at: datetime | None = None,
    ) -> PreparedClaim:
        """Return the certificate that `issue` would issue, before it is signed; no key is used.

        The arguments are those of `issue`. Raises IssueError with every fault.
        """
        faults: list[Fault] = []
        iat, exp, claim = self._examined(traveller, dose, expires, issued_at, faults)
        if faults:
            raise IssueError(faults)
        return self._prepare(iat, exp, ICVP_LABEL, claim)

    def faults(
        self,
        traveller: Traveller,
        dose: Prophylaxis,
        *,
        expires: datetime | timedelta,
        issued_at: datetime | None = None,
    ) -> tuple[Fault, ...]:
        """Return all faults for which `issue` would refuse the same arguments."""
        faults: list[Fault] = []
        self._examined(traveller, dose, expires, issued_at, faults)
        return tuple(faults)

    def _examined(
        self,
        traveller: Traveller,
        dose: Prophylaxis,
        expires: datetime | timedelta,
        issued_at: datetime | None,
        faults: list[Fault],
    ) -> tuple[int, int, dict[str, Any]]:
        iat, exp = self._times(expires, issued_at, EventKind.VACCINATION, faults)
        start = datetime.fromtimestamp(iat, UTC) if iat else None
        if start is not None and start < FIRST_ISSUE:
            problem = "Such certificates may be issued from 2025-09-19 on."
            faults.append(Fault("issued_at", "time.before-regulations", problem, "Issue it later."))
        # The local day of the issuer may be the next one of UTC already.
        today = None if start is None else (start + timedelta(hours=14)).date()
        traveller = _checked_traveller(traveller, today, faults)
        dose = self._checked_dose(dose, traveller.birth_date, today, faults)
        if faults:
            return iat, exp, {}
        issued_on = start.date() if self._issue_date and start is not None else None
        if issued_on is not None and dose.given_on is not None:
            issued_on = max(issued_on, dose.given_on)
        certificate = Icvp(Shape.B, traveller, (dose,), self._version, issued_on)
        return iat, exp, write(certificate)

    def _checked_dose(
        self, dose: Prophylaxis, born: object, today: date | None, faults: list[Fault]
    ) -> Prophylaxis:
        dose = _normal(dose, ("product", "batch", "clinician", "authority"), "dose", faults)
        if dose.product is None:
            _missing("dose.product", faults)
        else:
            product = self._catalogue.find(dose.product)
            if product is None:
                problem = "The product is not one of the catalogue."
                hint = "Give the identifier of an approved product, or a newer catalogue."
                faults.append(Fault("dose.product", "product.unknown", problem, hint))
            elif isinstance(dose.given_on, date) and not product.approved_on(dose.given_on):
                problem = "The product was not approved on the day of the dose."
                hint = "Correct the day or the product."
                faults.append(Fault("dose.product", "product.not-approved", problem, hint))
        if dose.batch is None:
            _missing("dose.batch", faults)
        if not _is_day(dose.given_on):
            _missing("dose.given_on", faults)
        else:
            _check_order(dose.given_on, born, today, faults)
        if dose.authority not in (None, self._participant):
            problem = "The authority is another one than the participant."
            hint = "Leave it out: the participant's code is written."
            faults.append(Fault("dose.authority", "participant.other", problem, hint))
        for name in _OLD_FIELDS:
            if getattr(dose, name) is not None:
                problem = "Today's certificates do not carry this: it follows from the product."
                faults.append(Fault(f"dose.{name}", "field.derived", problem, "Leave it out."))
        return replace(dose, authority=self._participant)


class LinkIssuer(_ClaimIssuer):
    """Issues health links as signed claims; immutable and thread-safe.

    Args:
        signer: The key. If it has a certificate, every claim is checked against it.
        country: What ``iss`` states: two capitals, or a participant's three; by default the
            country of the certificate.

    """

    def __init__(self, signer: Signer, *, country: str | None = None) -> None:
        """Check the settings; raises IssueError with every fault."""
        super().__init__(signer, country, [])

    def issue(
        self,
        link: Link,
        *,
        expires: datetime | timedelta,
        issued_at: datetime | None = None,
    ) -> IssuedClaim:
        """Issue a claim that states a link, as text.

        `expires` and `issued_at` are those of the signature, as for `IcvpIssuer.issue`; the link's
        own end may be another. Raises IssueError with every fault.
        """
        return self._sign(self.prepare(link, expires=expires, issued_at=issued_at))

    def prepare(
        self,
        link: Link,
        *,
        expires: datetime | timedelta,
        issued_at: datetime | None = None,
    ) -> PreparedClaim:
        """Return the claim that `issue` would issue, before it is signed; no key is used.

        The arguments are those of `issue`. Raises IssueError with every fault.
        """
        faults: list[Fault] = []
        iat, exp = self._times(expires, issued_at, None, faults)
        if link.kind is None or link.deviations:
            problem = "The link departs from its form."
            faults.append(Fault("link", "link.form", problem, "Build it with build_link."))
        found = judge_link(link, datetime.fromtimestamp(iat, UTC))
        faults += (
            Fault("link", finding.code, finding.sentence, "Build another link.")
            for finding in found
        )
        if faults:
            raise IssueError(faults)
        return self._prepare(iat, exp, LINK_LABEL, link.text)


def _check_type(name: str, value: object, kind: type) -> None:
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be a {kind.__name__}, got {type(value).__name__}")


def _checked_traveller(traveller: Traveller, today: date | None, faults: list[Fault]) -> Traveller:
    names = ("name", "sex", "nationality", "document_id", "document_type", "guardian")
    traveller = _normal(traveller, names, "traveller", faults)
    if traveller.name is None:
        _missing("traveller.name", faults)
    born = traveller.birth_date
    if not _is_day(born):
        problem = "The date of birth must be a full date."
        hint = "Resolve a partial date by the national policy."
        faults.append(Fault("traveller.birth_date", "birth-date.partial", problem, hint))
    elif today is not None and isinstance(born, date) and born > today:
        problem = "The date of birth lies after the issue."
        faults.append(Fault("traveller.birth_date", "date.order", problem, "Correct it."))
    if traveller.sex not in SEXES:
        hint = f"Give one of {', '.join(SEXES)}."
        faults.append(Fault("traveller.sex", "code.unknown", "The sex is not a code.", hint))
    if traveller.nationality is None or not COUNTRY_3.fullmatch(traveller.nationality):
        problem = "The nationality must be an ISO 3166-1 alpha-3 code."
        faults.append(
            Fault("traveller.nationality", "code.unknown", problem, "Give three capitals.")
        )
    if traveller.document_type is not None and traveller.document_id is None:
        problem = "A type of document is stated without its number."
        hint = "Give the number, or leave out the type."
        faults.append(Fault("traveller.document_type", "document.no-number", problem, hint))
    return traveller


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _check_order(given: date | None, born: object, today: date | None, faults: list[Fault]) -> None:
    if given is None:
        return
    if today is not None and given > today:
        problem = "The dose is dated after the issue."
        faults.append(Fault("dose.given_on", "date.order", problem, "Correct the date."))
    if isinstance(born, date) and _is_day(born) and given < born:
        problem = "The dose is dated before the birth."
        faults.append(Fault("dose.given_on", "date.order", problem, "Correct the date."))


def _missing(field: str, faults: list[Fault]) -> None:
    problem = "The field must be there and must not be empty."
    faults.append(Fault(field, "field.missing", problem, "Give it."))


_Value = TypeVar("_Value", Traveller, Prophylaxis)


def _normal(value: _Value, names: tuple[str, ...], place: str, faults: list[Fault]) -> _Value:
    """Return the value with its texts in Unicode's form NFC, without white space around them."""
    changed: dict[str, Any] = {}
    for name in names:
        text = getattr(value, name)
        if text is None:
            continue
        path = f"{place}.{name}"
        if not isinstance(text, str):
            raise TypeError(f"{path} must be a string, got {type(text).__name__}")
        text = normal(text.strip())
        if len(text) > LONGEST:
            problem = f"The text has more than {LONGEST} characters."
            faults.append(Fault(path, "text.length", problem, "Shorten it."))
        elif not text.isprintable():
            problem = "The text has characters that cannot be written."
            faults.append(Fault(path, "text.unwritable", problem, "Leave them out."))
        changed[name] = text or None
    return replace(value, **changed)
