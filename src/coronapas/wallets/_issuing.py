"""What is checked before a credential is issued, whatever its format: strict, all faults at once.

The content must be a payload without any deviation from the strict rules of its release; the
signer's certificate must be able to issue it, must be none of an authority, and must outlive it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from coronapas._time import seconds
from coronapas.dcc._examiner import default_examiner
from coronapas.dcc._reader import kind_of
from coronapas.errors import Fault, IssueError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coronapas.signing import Signer
    from coronapas.trust import Certificate


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
