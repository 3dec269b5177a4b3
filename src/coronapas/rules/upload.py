"""What the gateway asks of a rule that is uploaded, in its order (DGC gateway, rules upload).

The first violation is what the gateway answers with. A constraint that needs a value which an
earlier one found wrong has nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import Fault
from coronapas.rules import members
from coronapas.rules.constraints import IDENTIFIER, schema_faults
from coronapas.rules.model import CertificateType, RuleType
from coronapas.rules.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from coronapas.rules.model import Rule

MOST_AHEAD: Final = timedelta(weeks=2)
"""How far ahead a rule may begin, inclusive."""
LEAST_AHEAD: Final = timedelta(hours=48)
"""How far ahead an acceptance rule must begin, inclusive; an invalidation rule: after now."""
LEAST_VALIDITY: Final = timedelta(hours=72)
"""How long a rule must count, inclusive."""

_PREFIXES: Final = {
    "GR": CertificateType.GENERAL,
    "VR": CertificateType.VACCINATION,
    "TR": CertificateType.TEST,
    "RR": CertificateType.RECOVERY,
}
_INVALIDATION: Final = "IR"
_KINDS: Final = frozenset(str(kind) for kind in CertificateType)
_TYPES: Final = frozenset(str(kind) for kind in RuleType)


@dataclass(frozen=True, slots=True)
class Upload:
    """A rule's JSON before the gateway.

    `previous` are the versions of it (by identifier) that the gateway has, `at` the moment of the
    upload; None leaves out the constraints on how far ahead the rule begins.
    """

    document: Any
    previous: Sequence[Rule] = ()
    at: datetime | None = None

    def text(self, name: str) -> str:
        """The text of a member; empty where it has none."""
        value = self.document.get(name) if isinstance(self.document, dict) else None
        return value if isinstance(value, str) else ""

    def moment(self, name: str) -> datetime | None:
        """The moment of a member, where it is one."""
        try:
            return members.moment(self.text(name))
        except ValueError:
            return None

    @property
    def invalidates(self) -> bool:
        """Whether it is an invalidation rule."""
        return self.text("Type") == RuleType.INVALIDATION

    @property
    def prefix(self) -> str:
        """The identifier's prefix, where the identifier is sound."""
        return self._part(1)

    @property
    def country(self) -> str:
        """The identifier's country, where the identifier is sound."""
        return self._part(2)

    def _part(self, number: int) -> str:
        found = IDENTIFIER.fullmatch(self.text("Identifier"))
        return str(found[number]) if found else ""

    @property
    def last(self) -> Rule | None:
        """The highest of the previous versions of this identifier."""
        name = self.text("Identifier")
        known = [rule for rule in self.previous if rule.identifier == name]
        return max(known, key=lambda rule: rule.version, default=None)


def violations(upload: Upload) -> Iterator[Fault]:
    """Everything that the gateway would object to, in its order."""
    for constraint in CONSTRAINTS:
        yield from constraint(upload)


def _schema(upload: Upload) -> Iterator[Fault]:
    yield from schema_faults(upload.document)


def _prefix(upload: Upload) -> Iterator[Fault]:
    wanted = _PREFIXES.get(upload.prefix)
    kind = upload.text("CertificateType")
    if wanted is not None and kind in _KINDS and kind != wanted:
        yield Fault(
            "Identifier",
            "upload.prefix",
            f"The identifier's prefix {upload.prefix} is for {wanted}, the rule for {kind}.",
            "Give GR to General, VR to Vaccination, TR to Test, RR to Recovery.",
        )


def _invalidation(upload: Upload) -> Iterator[Fault]:
    known = upload.prefix and upload.text("Type") in _TYPES
    if known and upload.invalidates is not (upload.prefix == _INVALIDATION):
        yield Fault(
            "Identifier",
            "upload.invalidation",
            "The prefix IR belongs to invalidation rules, and to no others.",
            "Give IR to invalidation rules, and GR, VR, TR or RR to acceptance rules.",
        )


def _country(upload: Upload) -> Iterator[Fault]:
    if upload.country and upload.text("Country") and upload.country != upload.text("Country"):
        yield Fault(
            "Country",
            "upload.country",
            "The country in the identifier is another than the rule's.",
            "Give the same country in both.",
        )


def _version(upload: Upload) -> Iterator[Fault]:
    last = upload.last
    try:
        version = Version.parse(upload.text("Version"))
    except ValueError:
        return
    if last is not None and version <= last.version:
        yield Fault(
            "Version",
            "upload.version",
            f"The version is not greater than the last one, {last.version}.",
            "Give a greater version.",
        )


def _dates(upload: Upload) -> Iterator[Fault]:
    begins, ends = upload.moment("ValidFrom"), upload.moment("ValidTo")
    if begins and ends and begins >= ends:
        yield Fault(
            "ValidTo", "upload.dates", "The rule ends before it begins.", "Give a later end."
        )


def _too_far_ahead(upload: Upload) -> Iterator[Fault]:
    begins = upload.moment("ValidFrom")
    if begins and upload.at and begins > upload.at + MOST_AHEAD:
        yield Fault(
            "ValidFrom",
            "upload.too-far-ahead",
            "The rule begins more than two weeks ahead.",
            "Upload it later, or let it begin earlier.",
        )


def _too_soon(upload: Upload) -> Iterator[Fault]:
    begins = upload.moment("ValidFrom")
    if not begins or not upload.at or upload.text("Type") not in _TYPES:
        return
    if upload.invalidates and begins <= upload.at:
        yield Fault(
            "ValidFrom",
            "upload.too-soon",
            "An invalidation rule begins in the future.",
            "Let it begin later.",
        )
    elif not upload.invalidates and begins < upload.at + LEAST_AHEAD:
        yield Fault(
            "ValidFrom",
            "upload.too-soon",
            "An acceptance rule begins at least 48 hours ahead.",
            "Let it begin later.",
        )


def _too_short(upload: Upload) -> Iterator[Fault]:
    begins, ends = upload.moment("ValidFrom"), upload.moment("ValidTo")
    if begins and ends and ends - begins < LEAST_VALIDITY:
        yield Fault(
            "ValidTo",
            "upload.too-short",
            "The rule counts for less than 72 hours.",
            "Let it end later.",
        )


def _before_previous(upload: Upload) -> Iterator[Fault]:
    begins, last = upload.moment("ValidFrom"), upload.last
    if begins and last is not None and begins < last.valid_from:
        yield Fault(
            "ValidFrom",
            "upload.before-previous",
            "The rule begins before the last version of it does.",
            "Let it begin when that one does, or later.",
        )


CONSTRAINTS: Final[tuple[Callable[[Upload], Iterator[Fault]], ...]] = (
    _schema,
    _prefix,
    _invalidation,
    _country,
    _version,
    _dates,
    _too_far_ahead,
    _too_soon,
    _too_short,
    _before_previous,
)
"""The gateway's constraints after that the file parses, in its order."""
