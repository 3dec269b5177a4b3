"""Issue the Danish domestic tokens: DK1, DK2 and DK3, signed like a pass.

Issuing is strict: every fault is found before anything is signed. A token states that the issuer
found its holder valid; `tokens_for` finds that from a register.

A DK1 carries nothing personal. Its identifier is random for every token, and the method that issues
it takes no holder. What could give a holder away are the times: two tokens issued in the same odd
second are likely to be one holder's, and a DK1 fetched together with a DK2 would lead to a name. So
times are cut to a `granularity`, a minute by default: all who fetch a token within the same minute
get the same times. A coarser granularity hides a holder among more people.

Observed (source: the test tokens of the Danish app): the identifier is the text of a UUID as bytes;
72 hours from ``iat`` to ``exp`` in the DK3s and 74 in the DK1 and DK2, which is unexplained; times
to the second; DK3s of release 1.3.0.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, Literal
from unicodedata import category

from coronapas.dcc import _claims as claims
from coronapas.dcc import _uvci as uvcis
from coronapas.dcc._schema import GROUPS
from coronapas.dcc._scrutiny import ContentPolicy
from coronapas.dcc._text import normal
from coronapas.denmark._tokens import (
    BIRTH_DATE,
    CONFIRMATION,
    CTI,
    LEGAL_NAME,
    MOST_ENTRIES,
    XDU,
    TokenKind,
)
from coronapas.errors import Fault, IssueError
from coronapas.facts import (
    EVENT_TYPES,
    Event,
    EventKind,
    Holder,
    PartialDate,
    Test,
    TestResult,
    kind_of,
)
from coronapas.hcert import (
    _cbor as cbor,
)
from coronapas.hcert import (
    _cose as cose,
)
from coronapas.hcert import (
    _cwt as cwt,
)
from coronapas.hcert import _envelope as envelope
from coronapas.issue import _certificate_faults, _check_types, _settings_faults

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey

    from coronapas.dcc._valuesets import ValueSets
    from coronapas.facts import EventKind
    from coronapas.presentation._qr import Qr
    from coronapas.presentation._symbol import ErrorLevel
    from coronapas.signing._signer import SignatureCheck, SignatureForm, Signer

LIFE: Final = timedelta(hours=72)
"""The default life of a token from its issue."""

GRANULARITY: Final = timedelta(minutes=1)
"""The default step to which the times of tokens are cut."""

LONGEST_NAME: Final = 160
"""The most characters of a legal name, inclusive: two names of a pass; this project's bound."""

_FIELDS_OF_ENTRY: Final = frozenset({*EventKind, "event", "uvci"})
_LAST_SECOND: Final = int(datetime.max.replace(tzinfo=UTC).timestamp())


@dataclass(frozen=True, slots=True)
class DatedEvent:
    """An event, and until when it counts: the ``xdu`` of its entry, exclusive, with a time zone.

    `uvci` is the identifier; a random one of the issuing country is made where it is None.
    """

    event: Event
    """What the entry states."""
    valid_until: datetime = field(repr=False)
    """The first moment at which it no longer counts, with a time zone."""
    uvci: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class DomesticToken:
    """An issued token: its text, its identifier (None for a DK3), its times, its message.

    `issued_at` and `expires` are in UTC; the token has expired at `expires`. `message` is the
    COSE_Sign1 message before compression.
    """

    kind: TokenKind
    """DK1, DK2 or DK3."""
    text: str = field(repr=False)
    """The text to put into a QR code."""
    identifier: str | None = field(repr=False)
    """The identifier that the token carries; None for a DK3."""
    issued_at: datetime
    expires: datetime
    message: bytes = field(repr=False)

    def qr(self, *, error: ErrorLevel | Literal["auto"] = "Q", border: int = 4) -> Qr:
        """Return the token as a QR code in alphanumeric mode; needs the extra ``qr``."""
        from coronapas.presentation._qr import qr

        return qr(self.text, error=error, border=border)


@dataclass(frozen=True, slots=True)
class PreparedToken:
    """A token that waits for its signature: nothing is missing but that.

    `digest` is what is to be signed (SHA-256, 32 bytes), `kid` names the key that must sign. The
    rest is that of the `DomesticToken`. It can be pickled, and holds no key but the public one.
    """

    digest: bytes = field(repr=False)
    kid: bytes = field(repr=False)
    kind: TokenKind
    """DK1, DK2 or DK3."""
    identifier: str | None = field(repr=False)
    """The identifier that the token will carry; None for a DK3."""
    issued_at: datetime
    """The begin of its validity, in UTC."""
    expires: datetime
    """The first moment at which it has expired, in UTC."""
    _check: SignatureCheck = field(repr=False)
    _head: bytes = field(repr=False)

    @property
    def algorithm(self) -> int:
        """The COSE algorithm of the signature: -7 (ES256) or -37 (PS256)."""
        return self._check.algorithm

    def complete(self, signature: bytes, *, form: SignatureForm = "raw") -> DomesticToken:
        """Return the token with its signature over `digest`, which is checked.

        `form` says how an ECDSA signature is encoded. Raises SigningError if it is not a signature
        of that key over this token.
        """
        return self._sealed(self._check(signature, self.digest, form=form))

    def _sealed(self, signature: bytes) -> DomesticToken:
        """Return the token with a signature in COSE's form that is known to hold."""
        message = cose.with_signature(self._head, signature)
        prefix = f"{self.kind}:"
        text = envelope.encode(message, prefix=prefix, signature_length=len(signature))
        return DomesticToken(
            self.kind, text, self.identifier, self.issued_at, self.expires, message
        )


class DanishIssuer:
    """Issues domestic tokens with one signing key; immutable and thread-safe.

    Each token can be prepared first and signed elsewhere: `prepare_dk1` and so on.

    - `signer`: the key. If it has a certificate, every token must be within what that allows.
    - `life`: how long a token lives; `granularity`: what its times are cut to, in whole seconds.
    - `country`: claim ``iss``, and ``co`` of entries whose event names none.
    - `name`: the organisation that entries name as issuer; by default the country.
    - `version`, `language`, `value_sets`, `policy`: for the entries of a DK3, as for
      `coronapas.issue.Issuer`.
    """

    def __init__(
        self,
        signer: Signer,
        *,
        life: timedelta = LIFE,
        granularity: timedelta = GRANULARITY,
        country: str = "DK",
        name: str | None = None,
        version: str = "1.3.0",
        language: str | None = None,
        value_sets: ValueSets | None = None,
        policy: ContentPolicy | None = None,
    ) -> None:
        """Check the settings against each other, and against the certificate.

        Raises IssueError with every fault, those of `coronapas.issue.Issuer` among them, and the
        same other errors.
        """
        _check_types(signer, value_sets, policy)
        certificate = signer.certificate
        faults = [
            *_time_faults(life, granularity),
            *_settings_faults(country, name, version, language, value_sets),
            *_certificate_faults(certificate, country),
        ]
        if faults:
            raise IssueError(faults)
        self._signer = signer
        self._life = life
        self._step = granularity // timedelta(seconds=1)
        self._country = country
        self._name = country if name is None else name
        self._version = version
        self._language = language
        self._value_sets = value_sets
        self._policy = ContentPolicy() if policy is None else policy
        self._usages: frozenset[EventKind] = certificate.usages if certificate else frozenset()
        self._first = certificate.not_before_ts if certificate else None
        self._last = certificate.not_after_ts if certificate else None

    @property
    def life(self) -> timedelta:
        """The life of a token from its issue, where its end is not given."""
        return self._life

    @property
    def granularity(self) -> timedelta:
        """The step to which the times of tokens are cut."""
        return timedelta(seconds=self._step)

    @property
    def country(self) -> str:
        """The issuing country."""
        return self._country

    def dk1(
        self,
        *,
        issued_at: datetime | None = None,
        expires: datetime | None = None,
        holder_key: EllipticCurvePublicKey | None = None,
    ) -> DomesticToken:
        """Issue a DK1: whoever shows it is valid.

        By default `issued_at` is now and `expires` (exclusive) the end of the issuer's `life`; both
        are cut to the granularity. `holder_key`, of P-256, binds the token to the holder's device
        (`coronapas.live`); it also makes all tokens of that key one holder's. Raises IssueError
        with every fault, and ValueError for a key of another curve.
        """
        return self._signed(
            self.prepare_dk1(issued_at=issued_at, expires=expires, holder_key=holder_key)
        )

    def prepare_dk1(
        self,
        *,
        issued_at: datetime | None = None,
        expires: datetime | None = None,
        holder_key: EllipticCurvePublicKey | None = None,
    ) -> PreparedToken:
        """Return the DK1 that `dk1` would issue, before it is signed; no key is used."""
        faults: list[Fault] = []
        times = self._times(issued_at, expires, faults)
        return self._with_identifier(TokenKind.DK1, times, _confirmation(holder_key), faults)

    def dk2(
        self,
        holder: Holder,
        *,
        legal_name: str | None = None,
        issued_at: datetime | None = None,
        expires: datetime | None = None,
        holder_key: EllipticCurvePublicKey | None = None,
    ) -> DomesticToken:
        """Issue a DK2: the holder of this name and birth date is valid.

        `legal_name` is the name as one text; by default the given and the family name. The birth
        date must be known, at least in part. Times and `holder_key` as for `dk1`. Raises IssueError
        with every fault, and ValueError for a key of another curve.
        """
        return self._signed(
            self.prepare_dk2(
                holder,
                legal_name=legal_name,
                issued_at=issued_at,
                expires=expires,
                holder_key=holder_key,
            )
        )

    def prepare_dk2(
        self,
        holder: Holder,
        *,
        legal_name: str | None = None,
        issued_at: datetime | None = None,
        expires: datetime | None = None,
        holder_key: EllipticCurvePublicKey | None = None,
    ) -> PreparedToken:
        """Return the DK2 that `dk2` would issue, before it is signed; no key is used."""
        faults: list[Fault] = []
        times = self._times(issued_at, expires, faults)
        content = {
            **_confirmation(holder_key),
            LEGAL_NAME: _legal_name(holder, legal_name, faults),
            BIRTH_DATE: _birth_date(holder, faults),
        }
        return self._with_identifier(TokenKind.DK2, times, content, faults)

    def dk3(
        self,
        holder: Holder,
        entries: Sequence[DatedEvent],
        *,
        issued_at: datetime | None = None,
        expires: datetime | None = None,
    ) -> DomesticToken:
        """Issue a DK3: all that is known of the holder, each entry with the end of its validity.

        An entry may be over already, as on a holder's page; a positive test has no entry. Times as
        for `dk1`; each ``xdu`` is cut to whole seconds. Raises IssueError with every fault; those
        of an entry have its place before their field (``entries.0.vaccination.date``).
        """
        return self._signed(self.prepare_dk3(holder, entries, issued_at=issued_at, expires=expires))

    def prepare_dk3(
        self,
        holder: Holder,
        entries: Sequence[DatedEvent],
        *,
        issued_at: datetime | None = None,
        expires: datetime | None = None,
    ) -> PreparedToken:
        """Return the DK3 that `dk3` would issue, before it is signed; no key is used."""
        faults: list[Fault] = []
        start = datetime.now(UTC) if issued_at is None else issued_at
        times = self._times(start, expires, faults)
        if not entries or len(entries) > MOST_ENTRIES:
            faults.append(
                Fault(
                    "entries",
                    "entries.number",
                    f"A DK3 must have 1 to {MOST_ENTRIES} entries.",
                    "Give those that count.",
                )
            )
        dcc = self._dcc(holder, entries, start, faults)
        if faults:
            raise IssueError([*dict.fromkeys(faults)])
        payload = cwt.dump(
            issuer=self._country, issued_at=times[0], expires=times[1], hcert={cwt.DCC: dcc}
        )
        return self._prepared(TokenKind.DK3, times, payload, None)

    def _with_identifier(
        self,
        kind: TokenKind,
        times: tuple[int, int],
        content: Mapping[int | str, object],
        faults: list[Fault],
    ) -> PreparedToken:
        if faults:
            raise IssueError(faults)
        identifier = str(uuid.uuid4())
        tree: dict[int | str, object] = {
            cwt.ISSUER: self._country,
            cwt.EXPIRES: times[1],
            cwt.ISSUED_AT: times[0],
            CTI: identifier.encode("ascii"),
        }
        tree.update(content)
        return self._prepared(kind, times, cbor.dump(tree), identifier)

    def _prepared(
        self, kind: TokenKind, times: tuple[int, int], payload: bytes, identifier: str | None
    ) -> PreparedToken:
        signer = self._signer
        to_sign, head = cose.unsigned(payload, algorithm=signer.algorithm, kid=signer.kid)
        start, end = (datetime.fromtimestamp(seconds, UTC) for seconds in times)
        digest = sha256(to_sign).digest()
        return PreparedToken(digest, signer.kid, kind, identifier, start, end, signer.check, head)

    def _signed(self, prepared: PreparedToken) -> DomesticToken:
        return prepared._sealed(self._signer.sign_digest(prepared.digest))

    def _times(
        self, issued_at: datetime | None, expires: datetime | None, faults: list[Fault]
    ) -> tuple[int, int]:
        """Return ``iat`` and ``exp``, cut to the granularity and within the certificate's."""
        start = datetime.now(UTC) if issued_at is None else issued_at
        before = len(faults)
        for name, moment in (("issued_at", start), ("expires", expires)):
            if moment is not None and not isinstance(moment, datetime):
                raise TypeError(f"{name} must be a datetime, got {type(moment).__name__}")
            if moment is not None and moment.utcoffset() is None:
                faults.append(_no_zone(name))
        if len(faults) > before:
            return 0, 0
        iat = self._cut(start.timestamp())
        life = self._life.total_seconds()
        exp = iat + math.floor(life) if expires is None else self._cut(expires.timestamp())
        if exp <= iat or exp > _LAST_SECOND:
            faults.append(
                Fault(
                    "expires",
                    "time.order",
                    "The token would end before it begins, or beyond the calendar.",
                    "Let it end after `issued_at` by at least the granularity.",
                )
            )
        if self._first is not None and iat < self._first:
            faults.append(
                Fault(
                    "issued_at",
                    "certificate.not-begun",
                    "The token is issued before the certificate is valid.",
                    "Sign with a certificate that is valid already.",
                )
            )
        if self._last is not None and exp > self._last:
            faults.append(
                Fault(
                    "expires",
                    "certificate.outlived",
                    "The token outlives the certificate.",
                    "Let the token end before the certificate does, or sign with a longer one.",
                )
            )
        return iat, exp

    def _cut(self, seconds: float) -> int:
        return math.floor(seconds) // self._step * self._step

    def _dcc(
        self,
        holder: Holder,
        entries: Sequence[DatedEvent],
        start: datetime,
        faults: list[Fault],
    ) -> dict[str, Any]:
        """Return one DCC with all entries, each made by the rules for the one event of a pass."""
        on = start if start.utcoffset() is not None else start.replace(tzinfo=UTC)
        head: dict[str, Any] = {}
        groups: dict[str, list[Any]] = {}
        for index, dated in enumerate(entries[:MOST_ENTRIES]):
            until = _xdu(dated, f"entries.{index}", faults)
            self._check_usage(dated.event, f"entries.{index}", faults)
            try:
                single = claims.build(
                    holder,
                    dated.event,
                    country=self._country,
                    issuer=self._name,
                    uvci=uvcis.make(self._country) if dated.uvci is None else dated.uvci,
                    on=on,
                    version=self._version,
                    value_sets=self._value_sets,
                    language=self._language,
                    policy=self._policy,
                )
            except IssueError as error:
                faults.extend(_placed(fault, index) for fault in error.faults)
                continue
            for name, value in single.items():
                if isinstance(value, list):
                    groups.setdefault(name, []).extend({**entry, XDU: until} for entry in value)
                else:
                    head.setdefault(name, value)
        return {**head, **{name: groups[name] for name in GROUPS if name in groups}}

    def _check_usage(self, event: object, path: str, faults: list[Fault]) -> None:
        kind = kind_of(event) if isinstance(event, EVENT_TYPES) else None
        if kind is not None and self._usages and kind not in self._usages:
            faults.append(
                Fault(
                    f"{path}.event",
                    "certificate.usage",
                    f"The certificate may not sign a {kind}.",
                    "Sign with a certificate whose key usage covers it.",
                )
            )


def _time_faults(life: timedelta, granularity: timedelta) -> list[Fault]:
    faults: list[Fault] = []
    if granularity < timedelta(seconds=1) or granularity % timedelta(seconds=1):
        faults.append(
            Fault(
                "granularity",
                "granularity.seconds",
                "The granularity must be a whole number of seconds, 1 or more.",
                "Give whole seconds, minutes or hours.",
            )
        )
    if life < max(granularity, timedelta(seconds=1)):
        faults.append(
            Fault(
                "life",
                "life.short",
                "The life must not be shorter than the granularity.",
                "Lengthen it.",
            )
        )
    return faults


def _no_zone(field_name: str) -> Fault:
    return Fault(
        field_name,
        "time.no-zone",
        "The moment must have a time zone.",
        "Give a datetime with a tzinfo, such as UTC.",
    )


def _confirmation(key: EllipticCurvePublicKey | None) -> dict[int | str, object]:
    """Return claim ``cnf`` with a COSE_Key (RFC 8747, section 3.2; RFC 9053, section 7.1)."""
    if key is None:
        return {}
    if key.curve.name != "secp256r1":
        raise ValueError("the holder's key must be of P-256")
    point = key.public_numbers()
    x, y = (number.to_bytes(32, "big") for number in (point.x, point.y))
    return {CONFIRMATION: {1: {1: 2, -1: 1, -2: x, -3: y}}}


def _legal_name(holder: Holder, given: str | None, faults: list[Fault]) -> str:
    parts = (holder.given_name, holder.family_name) if given is None else (given,)
    name = normal(" ".join(part.strip() for part in parts if part))
    if not name.strip() or len(name) > LONGEST_NAME:
        faults.append(
            Fault(
                "legal_name",
                "name.length",
                f"A legal name must have 1 to {LONGEST_NAME} characters.",
                "Give the name in the register.",
            )
        )
    elif any(category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        faults.append(
            Fault(
                "legal_name",
                "name.unwritable",
                "The name has characters that cannot be written.",
                "Leave them out.",
            )
        )
    return name


def _birth_date(holder: Holder, faults: list[Fault]) -> str:
    born = holder.birth_date
    if isinstance(born, date | PartialDate):
        return str(born) if isinstance(born, PartialDate) else f"{born:%Y-%m-%d}"
    faults.append(
        Fault(
            "holder.birth_date",
            "birth-date.missing",
            "A DK2 needs a birth date.",
            "Give it, at least in part.",
        )
    )
    return ""


def _xdu(dated: DatedEvent, path: str, faults: list[Fault]) -> str:
    """Return the end of an entry's validity as the token writes it, in UTC and whole seconds."""
    event = dated.event
    if isinstance(event, Test) and TestResult.of(event.result) is TestResult.DETECTED:
        faults.append(
            Fault(
                f"{path}.test.result",
                "test.positive",
                "A positive test must not be an entry.",
                "Leave it out; a recovery states the infection.",
            )
        )
    until = dated.valid_until
    if until.utcoffset() is None:
        faults.append(_no_zone(f"{path}.valid_until"))
        return ""
    return f"{until.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _placed(fault: Fault, index: int) -> Fault:
    """Put the entry's place before a fault; faults of the holder and the issuer have no place."""
    if fault.field.partition(".")[0] in _FIELDS_OF_ENTRY:
        return fault.within(f"entries.{index}")
    return fault
