"""A business rule (EU DCC business rules, “validation rule”): what it says, for whom, and when.

`Rule` is made by `coronapas.rules.reading` from JSON, and gives JSON back by `to_json`. It holds no
data of any holder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from coronapas import certlogic
from coronapas.rules.versions import Version

if TYPE_CHECKING:
    from collections.abc import Collection

CERTLOGIC: Final = "CERTLOGIC"
"""The one engine that is supported."""

ENGINE_VERSION: Final = Version.parse("1.3.3")
"""The version of CertLogic that is supported: a rule may ask for it or for an earlier one."""


class RuleType(StrEnum):
    """What a rule is for."""

    ACCEPTANCE = "Acceptance"
    """The country of arrival says what it accepts."""
    INVALIDATION = "Invalidation"
    """The country of issue says which of its passes are no longer valid."""


class CertificateType(StrEnum):
    """The kind of pass that a rule judges."""

    GENERAL = "General"
    """Every pass."""
    VACCINATION = "Vaccination"
    TEST = "Test"
    RECOVERY = "Recovery"

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any]) -> frozenset[CertificateType]:
        """The kinds of what a DCC, or several put together, states: those with an entry."""
        return frozenset(kind for group, kind in _GROUPS.items() if payload.get(group))


_GROUPS: Final = {
    "v": CertificateType.VACCINATION,
    "t": CertificateType.TEST,
    "r": CertificateType.RECOVERY,
}


@dataclass(frozen=True)
class Rule:
    """One version of a business rule; immutable.

    `valid_from` is the first moment at which it counts, `valid_to` the first at which it does not
    (see `coronapas.rules.selection` for why); both have a time zone. `descriptions` go by language,
    in lower case. `country` and `region` are in upper case; `region` is None for a rule of the
    whole country. `logic` is the JSON as it was read, `expression` the same parsed: None where this
    library cannot run the rule, because of its engine or its engine's version. `members` are all
    members of the JSON under the gateway's names, unknown ones too.
    """

    identifier: str
    type: RuleType
    country: str
    region: str | None
    version: Version
    schema_version: Version
    engine: str
    engine_version: Version
    certificate_type: CertificateType
    descriptions: Mapping[str, str] = field(hash=False)
    valid_from: datetime
    valid_to: datetime
    affected_fields: tuple[str, ...]
    logic: Any = field(repr=False, compare=False)
    expression: certlogic.Expr | None = field(repr=False)
    members: Mapping[str, Any] = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("descriptions", "members"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        # Read again on the other side: neither compiled code nor read-only mappings travel.
        from coronapas.rules.reading import read_rule

        return read_rule, (self.to_json(),)

    def __str__(self) -> str:
        return f"{self.identifier} {self.version}"

    @cached_property
    def compiled(self) -> certlogic.CompiledExpression | None:
        """The rule as a function of ``{payload, external}``; None where there is no expression."""
        return None if self.expression is None else certlogic.compile(self.expression)

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """The paths that the logic reads: ``payload.v.0.dt``, ``external.validationClock``."""
        return () if self.expression is None else certlogic.data_accesses(self.expression)

    @property
    def runnable(self) -> bool:
        """Whether this library can evaluate the rule; where not, its outcome is OPEN."""
        return self.expression is not None

    def valid_at(self, moment: datetime, *, end_included: bool = False) -> bool:
        """Whether the rule counts at a moment: from `valid_from` on and before `valid_to`.

        With `end_included` it counts at `valid_to` itself too.
        """
        if moment < self.valid_from:
            return False
        return moment <= self.valid_to if end_included else moment < self.valid_to

    def description(self, language: str = "en") -> str:
        """What the rule says, in the language wanted, else in English, else in any it has.

        ``de-AT`` falls back on ``de``. A rule without any description gives its identifier.
        """
        wanted = language.lower().replace("_", "-")
        for key in (wanted, wanted.partition("-")[0], "en", *self.descriptions):
            if key in self.descriptions:
                return self.descriptions[key]
        return self.identifier

    def covers(self, kinds: Collection[CertificateType]) -> bool:
        """Whether the rule judges passes of (one of) these kinds."""
        return self.certificate_type is CertificateType.GENERAL or self.certificate_type in kinds

    def to_json(self) -> dict[str, Any]:
        """Fresh JSON in the gateway's form, with every member that was read, unknown ones too."""
        return {name: _fresh(value) for name, value in self.members.items()}


def _fresh(value: Any) -> Any:
    """A copy of JSON whose depth the reader has bounded."""
    if isinstance(value, dict):
        return {key: _fresh(part) for key, part in value.items()}
    return [_fresh(part) for part in value] if isinstance(value, list) else value
