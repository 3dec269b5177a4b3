"""A business rule (EU DCC business rules, “validation rule”): what it says, for whom, and when.

`Rule` is read from JSON by `read_rule`, and returns it by `to_json`. Reading asks for what is
needed to select a rule, to evaluate it and to describe it, and names every fault. It is more
tolerant than the gateway, whose constraints on new rules (an English description of 20 characters
and so on) are the linter's: a rule in force must not be lost because of the length of a text. A
rule for another engine, or for a later version of the engine, is read without its logic: it has no
`expression`, and its outcome is OPEN.

Versions of rules, schemas and engines are semantic versions (semver.org, 2.0.0). The gateway's
schema asks for three numbers and lets anything follow them; here only a pre-release (``-rc.1``) or
build metadata (``+5``) may follow, as in semver. A pre-release comes before its version; build
metadata does not count.

The gateway and the public rules write ``ValidFrom``. The model of the reference's verifier apps,
which some national services repeat, writes ``validFrom``, ``countryCode``, ``ruleCertificateType``
and ``descriptions`` (recalled, not sourced), enumerations in capitals, and the descriptions as a
map from language to text. So member names match in any case.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property, total_ordering
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from coronapas import certlogic
from coronapas.certlogic._expressions import LimitError, check_json
from coronapas.errors import Fault, RuleError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

MAX_LENGTH: Final = 64
"""The longest version, in characters."""

_PART = r"[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*"
_FORMAT: Final = re.compile(
    rf"(?P<major>\d+)\.(?P<minor>\d+)\.(?P<patch>\d+)(?:-(?P<pre>{_PART}))?(?:\+{_PART})?",
    re.ASCII,
)


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """A semantic version; equal and ordered by precedence (1.0.0+5 equals 1.0.0).

    `text` is how it was written.
    """

    text: str
    key: tuple[int, int, int, bool, tuple[tuple[bool, int, str], ...]] = field(repr=False)
    """What precedence is compared by."""

    @classmethod
    def parse(cls, text: object) -> Version:
        """Read a version; ValueError where it is not one."""
        if not isinstance(text, str) or len(text) > MAX_LENGTH:
            raise ValueError("A version is a text of at most 64 characters.")
        found = _FORMAT.fullmatch(text)
        if found is None:
            raise ValueError("A version is three numbers with dots between them.")
        pre = found["pre"]
        identifiers = tuple(_identifier(part) for part in pre.split(".")) if pre else ()
        numbers = int(found["major"]), int(found["minor"]), int(found["patch"])
        return cls(text, (*numbers, pre is None, identifiers))

    @property
    def major(self) -> int:
        """The first of the three numbers."""
        return self.key[0]

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, Version) else NotImplemented

    def __lt__(self, other: Version) -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text


def _identifier(part: str) -> tuple[bool, int, str]:
    """Return the key that orders an identifier of a pre-release: numbers come before texts."""
    return (False, int(part), "") if part.isdecimal() else (True, 0, part)


NAMES: Final = (
    "Identifier",
    "Type",
    "Country",
    "Region",
    "Version",
    "SchemaVersion",
    "Engine",
    "EngineVersion",
    "CertificateType",
    "Description",
    "ValidFrom",
    "ValidTo",
    "AffectedFields",
    "Logic",
)
"""The members under the gateway's names, in the order in which they are written."""

_BY_LOWER_CASE: Final = {
    **{name.lower(): name for name in NAMES},
    "countrycode": "Country",
    "rulecertificatetype": "CertificateType",
    "descriptions": "Description",
}
_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)", re.ASCII
)

Named = TypeVar("Named", bound=StrEnum)


def canonical(document: dict[Any, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the members under the gateway's names and in its order, and the names given twice.

    Unknown members follow under their own names.
    """
    found: dict[str, Any] = {}
    twice: list[str] = []
    for key, value in document.items():
        name = _BY_LOWER_CASE.get(str(key).lower(), str(key))
        if name in found:
            twice.append(name)
        found[name] = value
    ordered = {name: found[name] for name in NAMES if name in found}
    return ordered | found, twice


def looks_like_rule(document: object) -> bool:
    """Return whether JSON seems to be meant as a rule, sound or not."""
    if not isinstance(document, dict):
        return False
    names = {_BY_LOWER_CASE.get(str(key).lower()) for key in document}
    return {"Identifier", "Logic"} <= names


def within_bounds(value: object) -> bool:
    """Return whether JSON is of a depth and size that a rule may have."""
    try:
        check_json(value)
    except LimitError:
        return False
    return True


def moment(value: object) -> datetime:
    """Read a date-time with a time zone, in UTC; ValueError for anything else."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("A date-time with a time zone is needed.")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except OverflowError:
        raise ValueError("The date-time is outside the calendar.") from None


def one_of(value: object, names: type[Named]) -> Named:
    """Return the member of an enumeration of texts, in any case; ValueError where there is none."""
    if isinstance(value, str):
        for member in names:
            if member.lower() == value.lower():
                return member
    raise ValueError("The value is not one of those in use.")


def descriptions(value: object) -> dict[str, str]:
    """Read texts by language in lower case; ValueError where the shape is wrong.

    Of two texts in one language the first counts.
    """
    pairs: list[tuple[object, object]] = []
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        for item in value:
            if not isinstance(item, dict):
                raise ValueError("A description is an object.")
            pairs.append((item.get("lang"), item.get("desc")))
    else:
        raise ValueError("Descriptions are an array of objects.")
    found: dict[str, str] = {}
    for language, text in pairs:
        if not isinstance(language, str) or not isinstance(text, str):
            raise ValueError("A description has a language and a text.")
        found.setdefault(language.lower(), text)
    return found


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
        """Return the kinds of what a DCC, or several put together, states: those with an entry."""
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
    (see `coronapas.rules._loading` for why); both have a time zone. `descriptions` go by
    language, in lower case. `country` and `region` are in upper case; `region` is None for a rule
    of the whole country. `logic` is the JSON as it was read, `expression` the same parsed: None
    where this library cannot run the rule, because of its engine or its engine's version. `members`
    are all members of the JSON under the gateway's names, unknown ones too.
    """

    identifier: str
    """The identifier, such as ``VR-DK-0001``."""
    type: RuleType
    """Acceptance or invalidation."""
    country: str
    region: str | None
    version: Version
    """The version of the rule."""
    schema_version: Version
    """The release of the DCC schema that the rule is written for."""
    engine: str
    """The engine, ``CERTLOGIC``."""
    engine_version: Version
    """The version of the engine."""
    certificate_type: CertificateType
    """The kind of event that the rule judges, or General for all."""
    descriptions: Mapping[str, str] = field(hash=False)
    valid_from: datetime
    valid_to: datetime
    affected_fields: tuple[str, ...]
    """The fields of the payload that the rule says it reads."""
    logic: Any = field(repr=False, compare=False)
    expression: certlogic.Expr | None = field(repr=False)
    members: Mapping[str, Any] = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        for name in ("descriptions", "members"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        # Read again on the other side: neither compiled code nor read-only mappings travel.

        return read_rule, (self.to_json(),)

    def __str__(self) -> str:
        return f"{self.identifier} {self.version}"

    @cached_property
    def compiled(self) -> certlogic.CompiledExpression | None:
        """The rule as a function of ``{payload, external}``; None without an `expression`."""
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
        """Return whether the rule counts at a moment: from `valid_from` on and before `valid_to`.

        With `end_included` it counts at `valid_to` itself too.
        """
        if moment < self.valid_from:
            return False
        return moment <= self.valid_to if end_included else moment < self.valid_to

    def description(self, language: str = "en") -> str:
        """Return what the rule says in a language, otherwise in English, otherwise in any it has.

        ``de-AT`` falls back on ``de``. A rule without any description gives its identifier.
        """
        wanted = language.lower().replace("_", "-")
        for key in (wanted, wanted.partition("-")[0], "en", *self.descriptions):
            if key in self.descriptions:
                return self.descriptions[key]
        return self.identifier

    def covers(self, kinds: Collection[CertificateType]) -> bool:
        """Return whether the rule judges passes of (one of) these kinds."""
        return self.certificate_type is CertificateType.GENERAL or self.certificate_type in kinds

    def to_json(self) -> dict[str, Any]:
        """Return fresh JSON in the gateway's form, with every member that was read."""
        return {name: _fresh(value) for name, value in self.members.items()}


def _fresh(value: Any) -> Any:
    """Return a copy of JSON whose depth the reader has bounded."""
    if isinstance(value, dict):
        return {key: _fresh(part) for key, part in value.items()}
    return [_fresh(part) for part in value] if isinstance(value, list) else value


_T = TypeVar("_T")

MAX_TEXT: Final = 4096
"""The longest identifier, country, region or engine, in characters; schemas ask for far less."""


def read_rule(document: object) -> Rule:
    """Read a rule from JSON (as `json.loads` returns it), in any of the forms in use.

    Raises:
        RuleError: The JSON is not a rule; `faults` holds all that is wrong, ordered as `NAMES`.

    """
    if not isinstance(document, dict):
        raise RuleError([Fault("", "rule.kind", "A rule is a JSON object.", "Give an object.")])
    named, twice = canonical(document)
    reader = _Reader(named)
    rule = reader.rule()
    for name in twice:
        reader.fault(name, "rule.twice", "The member is there twice.", "Give it once.")
    if rule is None or reader.faults:
        raise RuleError(reader.faults)
    return rule


class _Reader:
    """Reads the members of one rule and collects what is wrong with them."""

    def __init__(self, named: dict[str, Any]) -> None:
        self.named = named
        self.faults: list[Fault] = []

    def fault(self, field: str, code: str, problem: str, hint: str) -> None:
        self.faults.append(Fault(field, code, problem, hint))

    def take(self, name: str, read: Callable[[Any], _T], hint: str) -> _T | None:
        """Read a required member; None where it has a fault."""
        if name not in self.named:
            self.fault(name, "rule.missing", "The member is missing.", hint)
            return None
        try:
            return read(self.named[name])
        except ValueError as error:
            self.fault(name, f"rule.{_snake(name)}", str(error), hint)
            return None

    def optional(self, name: str, read: Callable[[Any], _T], empty: _T, hint: str) -> _T | None:
        if self.named.get(name) is None:
            return empty
        return self.take(name, read, hint)

    def rule(self) -> Rule | None:
        identifier = self.take("Identifier", _text, "Give a text such as VR-DK-0001.")
        kind = self.take("Type", _rule_type, "Give Acceptance or Invalidation.")
        country = self.take("Country", _upper, "Give the two letters of the country.")
        region = self.optional("Region", _region, "", "Give a text, or leave it out.")
        versions = [
            self.take(name, Version.parse, "Give a version such as 1.0.0.")
            for name in ("Version", "SchemaVersion", "EngineVersion")
        ]
        engine = self.take("Engine", _text, f"Give {CERTLOGIC}.")
        certificate_type = self.take(
            "CertificateType", _certificate_type, "Give General, Vaccination, Test or Recovery."
        )
        no_descriptions: dict[str, str] = {}
        texts = self.optional(
            "Description",
            descriptions,
            no_descriptions,
            "Give objects with lang and desc.",
        )
        valid_from, valid_to = (
            self.take(name, moment, "Give a text such as 2021-07-01T00:00:00Z.")
            for name in ("ValidFrom", "ValidTo")
        )
        no_fields: tuple[str, ...] = ()
        fields = self.optional("AffectedFields", _texts, no_fields, "Give an array of texts.")
        version, schema_version, engine_version = versions
        expression = self.expression(engine, engine_version)
        self.bound()
        if (
            self.faults
            or identifier is None
            or kind is None
            or country is None
            or region is None
            or version is None
            or schema_version is None
            or engine is None
            or engine_version is None
            or certificate_type is None
            or texts is None
            or valid_from is None
            or valid_to is None
            or fields is None
        ):
            return None
        return Rule(
            identifier=identifier,
            type=kind,
            country=country,
            region=region or None,
            version=version,
            schema_version=schema_version,
            engine=engine,
            engine_version=engine_version,
            certificate_type=certificate_type,
            descriptions=texts,
            valid_from=valid_from,
            valid_to=valid_to,
            affected_fields=fields,
            logic=self.named["Logic"],
            expression=expression,
            members=self.named,
        )

    def expression(self, engine: str | None, version: Version | None) -> certlogic.Expr | None:
        """Return the logic, parsed where this library can run it."""
        if "Logic" not in self.named:
            self.fault("Logic", "rule.missing", "The member is missing.", "Give an expression.")
            return None
        # By the later versions of the language it may be sound.
        if engine is None or version is None or engine != CERTLOGIC or version > ENGINE_VERSION:
            return None
        try:
            return certlogic.parse(self.named["Logic"])
        except certlogic.CertLogicError as error:
            problem = f"The logic is no CertLogic expression: {error.message}."
            self.fault("Logic", "rule.logic", problem, "Give an expression of CertLogic.")
            return None

    def bound(self) -> None:
        """Refuse members nested too deep, or too large, to be written back or copied."""
        known = any(fault.field == "Logic" for fault in self.faults)
        for name, value in self.named.items():
            if not (known and name == "Logic") and not within_bounds(value):
                self.fault(name, "rule.bounds", "The member is too large.", "Make it smaller.")


def _snake(name: str) -> str:
    return "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)[1:]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT:
        raise ValueError("The value is no text, or an empty one.")
    return value.strip()


def _upper(value: object) -> str:
    return _text(value).upper()


def _region(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise ValueError("The region is no text.")
    return value.strip().upper()


def _rule_type(value: object) -> RuleType:
    return one_of(value, RuleType)


def _certificate_type(value: object) -> CertificateType:
    return one_of(value, CertificateType)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("The value is no array of texts.")
    return tuple(value)
