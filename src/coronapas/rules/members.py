"""The members of a rule's JSON: their names in each of the forms in use, and how values are read.

The gateway and the public rules write ``ValidFrom``. The model of the reference's verifier apps,
which some national services repeat, writes ``validFrom``, ``countryCode``,
``ruleCertificateType`` and ``descriptions`` (recalled, not sourced), enumerations in capitals, and
the descriptions as a map from language to text. So names count in any case.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

from coronapas.certlogic.bounds import check_json
from coronapas.certlogic.errors import LimitError

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
    """The members under the gateway's names and order, and the names that stand there twice.

    Unknown members follow under their own names; what is no text is no name.
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
    """Whether JSON seems to be meant as a rule, sound or not."""
    if not isinstance(document, dict):
        return False
    names = {_BY_LOWER_CASE.get(str(key).lower()) for key in document}
    return {"Identifier", "Logic"} <= names


def within_bounds(value: object) -> bool:
    """Whether JSON is of a depth and size that a rule may have."""
    try:
        check_json(value)
    except LimitError:
        return False
    return True


def moment(value: object) -> datetime:
    """A date-time with its zone, brought to UTC; raises ValueError for anything else."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        raise ValueError("A date-time with a time zone is needed.")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except OverflowError:
        raise ValueError("The date-time is outside the calendar.") from None


def one_of(value: object, names: type[Named]) -> Named:
    """The member of an enumeration of texts, in any case; raises ValueError where there is none."""
    if isinstance(value, str):
        for member in names:
            if member.lower() == value.lower():
                return member
    raise ValueError("The value is not one of those in use.")


def descriptions(value: object) -> dict[str, str]:
    """Texts by language in lower case; raises ValueError where the shape is another.

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
