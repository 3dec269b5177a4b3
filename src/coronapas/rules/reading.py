"""From JSON to a `Rule`, with every fault named.

Reading asks for what is needed to select a rule, to evaluate it and to tell of it. It is more
tolerant than the gateway, whose constraints on new rules (an English description of 20 characters
and so on) are the linter's: a rule that is in force is not to get lost for the length of a text.

A rule for another engine, or for a later version of the engine, is read without its logic being
understood: it has no `expression`, and its outcome will be OPEN.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from coronapas import certlogic
from coronapas.errors import Fault, RuleError
from coronapas.rules import members
from coronapas.rules.model import CERTLOGIC, ENGINE_VERSION, CertificateType, Rule, RuleType
from coronapas.rules.versions import Version

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

MAX_TEXT: Final = 4096
"""The longest identifier, country, region or engine, in characters; schemas ask for far less."""


def read_rule(document: object) -> Rule:
    """The rule that JSON (as `json.loads` gives it) states, in any of the forms in use.

    Raises:
        RuleError: the JSON is no rule; `faults` holds all that is wrong, in the order of `NAMES`.

    """
    if not isinstance(document, dict):
        raise RuleError([Fault("", "rule.kind", "A rule is a JSON object.", "Give an object.")])
    named, twice = members.canonical(document)
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

    def fault(self, field: str, code: str, problem: str, mend: str) -> None:
        self.faults.append(Fault(field, code, problem, mend))

    def take(self, name: str, read: Callable[[Any], _T], mend: str) -> _T | None:
        """A member that must be there, by its reader; None where it has a fault."""
        if name not in self.named:
            self.fault(name, "rule.missing", "The member is missing.", mend)
            return None
        try:
            return read(self.named[name])
        except ValueError as error:
            self.fault(name, f"rule.{_snake(name)}", str(error), mend)
            return None

    def optional(self, name: str, read: Callable[[Any], _T], empty: _T, mend: str) -> _T | None:
        if self.named.get(name) is None:
            return empty
        return self.take(name, read, mend)

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
        descriptions = self.optional(
            "Description",
            members.descriptions,
            no_descriptions,
            "Give objects with lang and desc.",
        )
        valid_from, valid_to = (
            self.take(name, members.moment, "Give a text such as 2021-07-01T00:00:00Z.")
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
            or descriptions is None
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
            descriptions=descriptions,
            valid_from=valid_from,
            valid_to=valid_to,
            affected_fields=fields,
            logic=self.named["Logic"],
            expression=expression,
            members=self.named,
        )

    def expression(self, engine: str | None, version: Version | None) -> certlogic.Expr | None:
        """The logic, parsed where this library is able to run it."""
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
            if not (known and name == "Logic") and not members.within_bounds(value):
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
    return members.one_of(value, RuleType)


def _certificate_type(value: object) -> CertificateType:
    return members.one_of(value, CertificateType)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("The value is no array of texts.")
    return tuple(value)
