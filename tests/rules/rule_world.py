"""Rules and passes for the tests: sound ones, to be broken one thing at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from coronapas import certlogic
from coronapas.rules import Rule, read_rule

AT = datetime(2022, 3, 1, 12, tzinfo=UTC)
HOLDS: dict[str, Any] = {"===": [1, 1]}
BREAKS: dict[str, Any] = {"===": [1, 2]}


def text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(logic: Any = None, **members: Any) -> dict[str, Any]:
    """A sound rule's JSON; members replace its own, and ... takes one out."""
    logic = HOLDS if logic is None else logic
    try:
        fields = list(certlogic.affected_fields(logic))
    except certlogic.CertLogicError:
        fields = []
    found: dict[str, Any] = {
        "Identifier": "VR-DK-0001",
        "Type": "Acceptance",
        "Country": "DK",
        "Version": "1.0.0",
        "SchemaVersion": "1.0.0",
        "Engine": "CERTLOGIC",
        "EngineVersion": "1.3.3",
        "CertificateType": "Vaccination",
        "Description": [{"lang": "en", "desc": "The rule of this test must hold."}],
        "ValidFrom": "2022-01-01T00:00:00Z",
        "ValidTo": "2023-01-01T00:00:00Z",
        "AffectedFields": fields or ["v.0"],
        "Logic": logic,
        **members,
    }
    return {name: value for name, value in found.items() if value is not ...}


def rule(logic: Any = None, **members: Any) -> Rule:
    return read_rule(document(logic, **members))


def vaccination(**members: Any) -> dict[str, Any]:
    entry = {
        "tg": "840539006",
        "vp": "1119349007",
        "mp": "EU/1/20/1528",
        "ma": "ORG-100030215",
        "dn": 2,
        "sd": 2,
        "dt": "2021-12-01",
        "co": "DK",
        "is": "Example",
        "ci": "URN:UVCI:01:DK:EXAMPLE1",
        **members,
    }
    return {**_top(), "v": [entry]}


def recovery(**members: Any) -> dict[str, Any]:
    entry = {
        "tg": "840539006",
        "fr": "2022-01-01",
        "df": "2022-01-12",
        "du": "2022-06-30",
        "co": "DK",
        "is": "Example",
        "ci": "URN:UVCI:01:DK:EXAMPLE3",
        **members,
    }
    return {**_top(), "r": [entry]}


def swab(**members: Any) -> dict[str, Any]:
    entry = {
        "tg": "840539006",
        "tt": "LP6464-4",
        "sc": "2022-03-01T00:00:00Z",
        "tr": "260415000",
        "tc": "Example",
        "co": "DK",
        "is": "Example",
        "ci": "URN:UVCI:01:DK:EXAMPLE2",
        **members,
    }
    return {**_top(), "t": [entry]}


def _top() -> dict[str, Any]:
    name = {"fn": "Eksempel", "fnt": "EKSEMPEL", "gn": "Ibine", "gnt": "IBINE"}
    return {"ver": "1.3.0", "nam": name, "dob": "1979-04-14"}


def days(count: float) -> timedelta:
    return timedelta(days=count)
