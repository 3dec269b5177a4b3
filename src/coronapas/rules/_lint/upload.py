"""What the gateway requires of a rule that is uploaded, in its order (DGC gateway, rules upload).

The gateway answers with the first violation. A constraint that needs a value which an earlier one
found wrong is left out.

The requirements of the gateway's JSON Schema (``schemas/rule.schema.json``) are checked without a
validator; the published schema is the same for tools, and the tests compare the two. Where the
official schema's pattern for identifiers refuses every public rule (it forbids leading zeros), the
gateway's own pattern of four digits is used.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import Fault
from coronapas.rules import _model as model
from coronapas.rules._model import CertificateType, RuleType, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from coronapas.rules._model import Rule

IDENTIFIER: Final = re.compile(r"(GR|VR|TR|RR|IR)-([A-Z]{2})-[0-9]{4}")
MIN_DESCRIPTION: Final = 20
"""The shortest description, in characters, inclusive."""

_REGION: Final = re.compile("[A-Z0-9]{0,5}")
_COUNTRY: Final = re.compile("[A-Z]{2}")
_LANGUAGE: Final = re.compile("[a-z]{2}(-[a-z]{2})?")
_VERSION: Final = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+.*", re.DOTALL)
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]"
    r"([-+][0-2][0-9]:[0-5][0-9]|Z)"
)
_TEXTS: Final[tuple[tuple[str, re.Pattern[str], str], ...]] = (
    ("Identifier", IDENTIFIER, "Give one such as VR-DK-0001."),
    ("Type", re.compile("Acceptance|Invalidation"), "Give Acceptance or Invalidation."),
    ("Country", _COUNTRY, "Give two capital letters."),
    ("Region", _REGION, "Give up to five capital letters and digits, or leave it out."),
    ("Version", _VERSION, "Give three numbers, such as 1.0.0."),
    ("SchemaVersion", _VERSION, "Give three numbers, such as 1.0.0."),
    ("Engine", re.compile(".*", re.DOTALL), "Give CERTLOGIC."),
    ("EngineVersion", _VERSION, "Give three numbers, such as 1.0.0."),
    (
        "CertificateType",
        re.compile("General|Test|Vaccination|Recovery"),
        "Give General, Vaccination, Test or Recovery.",
    ),
    ("ValidFrom", _MOMENT, "Give one such as 2021-07-01T00:00:00Z, without a fraction."),
    ("ValidTo", _MOMENT, "Give one such as 2021-07-01T00:00:00Z, without a fraction."),
)
_OPTIONAL: Final = frozenset({"Region"})


def schema_faults(document: object) -> tuple[Fault, ...]:
    """Return what the gateway's schema finds wrong with a rule's JSON; empty where it is valid.

    The codes are ``schema.missing``, ``schema.value`` and ``schema.kind``.
    """
    if not isinstance(document, dict):
        return (Fault("", "schema.kind", "A rule is a JSON object.", "Give an object."),)
    found = []
    for name, pattern, hint in _TEXTS:
        if name not in document:
            if name not in _OPTIONAL:
                found.append(_missing(name, hint))
            continue
        value = document[name]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            found.append(Fault(name, "schema.value", "The value is not one of the schema's.", hint))
    for name, check in (
        ("Description", _description),
        ("AffectedFields", _affected_fields),
        ("Logic", _logic),
    ):
        if name in document:
            found += check(document[name])
        else:
            found.append(_missing(name, "Add it."))
    return tuple(found)


def _missing(name: str, hint: str) -> Fault:
    return Fault(name, "schema.missing", "The member is missing.", hint)


def _description(value: Any) -> Iterator[Fault]:
    if not isinstance(value, list) or not value:
        hint = 'Give an array such as [{"lang": "en", "desc": "…"}].'
        yield Fault("Description", "schema.kind", "Descriptions are a filled array.", hint)
        return
    for number, item in enumerate(value):
        if not _is_text(item, _LANGUAGE):
            yield Fault(
                f"Description.{number}",
                "schema.value",
                "A description has a language, and a text that is long enough.",
                f"Give lang in lower case, and desc of {MIN_DESCRIPTION} characters or more.",
            )
    if not any(_is_text(item, re.compile("en")) for item in value):
        yield Fault(
            "Description",
            "schema.english",
            "There is no description in English.",
            f"Add one with lang en, of {MIN_DESCRIPTION} characters or more.",
        )


def _is_text(item: Any, language: re.Pattern[str]) -> bool:
    if not isinstance(item, dict):
        return False
    lang, desc = item.get("lang"), item.get("desc")
    return (
        isinstance(lang, str)
        and language.fullmatch(lang) is not None
        and isinstance(desc, str)
        and len(desc) >= MIN_DESCRIPTION
    )


def _affected_fields(value: Any) -> Iterator[Fault]:
    filled = isinstance(value, list) and bool(value)
    if not filled or not all(isinstance(item, str) for item in value):
        yield Fault(
            "AffectedFields",
            "schema.kind",
            "The affected fields are a filled array of texts.",
            "List the paths below payload. that the logic reads.",
        )


def _logic(value: Any) -> Iterator[Fault]:
    if not isinstance(value, dict) or not value:
        yield Fault("Logic", "schema.kind", "The logic is not an operation.", "Give a JSON object.")


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
        """Return the text of a member; empty where it has none."""
        value = self.document.get(name) if isinstance(self.document, dict) else None
        return value if isinstance(value, str) else ""

    def moment(self, name: str) -> datetime | None:
        """Return the moment of a member, where it is one."""
        try:
            return model.moment(self.text(name))
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
    """Yield everything that the gateway would object to, in its order."""
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
