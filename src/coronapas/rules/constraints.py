"""What the gateway's JSON Schema (``schemas/rule.schema.json``) asks of a rule, with no validator.

The published schema is the same for tools; the tests hold the two against each other. Where the
official schema's pattern for identifiers refuses every public rule (it forbids leading zeros), the
gateway's own pattern of four digits is taken.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from coronapas.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    """What the schema finds wrong with a rule's JSON in the gateway's form; none where it is valid.

    The codes are ``schema.missing``, ``schema.value`` and ``schema.kind``.
    """
    if not isinstance(document, dict):
        return (Fault("", "schema.kind", "A rule is a JSON object.", "Give an object."),)
    found = []
    for name, pattern, mend in _TEXTS:
        if name not in document:
            if name not in _OPTIONAL:
                found.append(_missing(name, mend))
            continue
        value = document[name]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            found.append(Fault(name, "schema.value", "The value is not one of the schema's.", mend))
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


def _missing(name: str, mend: str) -> Fault:
    return Fault(name, "schema.missing", "The member is missing.", mend)


def _description(value: Any) -> Iterator[Fault]:
    if not isinstance(value, list) or not value:
        mend = 'Give an array such as [{"lang": "en", "desc": "…"}].'
        yield Fault("Description", "schema.kind", "Descriptions are a filled array.", mend)
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
        yield Fault("Logic", "schema.kind", "The logic is no operation.", "Give a JSON object.")
