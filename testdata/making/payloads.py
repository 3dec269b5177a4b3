"""The payloads of our vectors: one good entry of each kind, and ways to change single fields.

DCC schema 1.3.2 and its value sets. The holder does not exist, and neither does the authority.
"""

from __future__ import annotations

from copy import deepcopy
from types import EllipsisType
from typing import Any, Final, Literal, TypeAlias

Dcc: TypeAlias = dict[str, Any]
Kind: TypeAlias = Literal["vaccination", "NAAT", "RAT", "recovery"]

ISSUER: Final = "Example Health Authority"
_COMMON: Final[Dcc] = {
    "tg": "840539006",
    "co": "DK",
    "is": ISSUER,
    "ci": "URN:UVCI:01:DK:0EXAMPLE0000000000001",
}
_TEST: Final[Dcc] = {
    **_COMMON,
    "sc": "2022-01-10T07:30:00Z",
    "tr": "260415000",
    "tc": "Example Test Centre",
}
_ENTRIES: Final[dict[Kind, tuple[str, Dcc]]] = {
    "vaccination": (
        "v",
        {
            **_COMMON,
            "vp": "1119349007",
            "mp": "EU/1/20/1528",
            "ma": "ORG-100030215",
            "dn": 2,
            "sd": 2,
            "dt": "2021-12-20",
        },
    ),
    "NAAT": ("t", {**_TEST, "tt": "LP6464-4", "nm": "Example PCR"}),
    "RAT": ("t", {**_TEST, "tt": "LP217198-3", "ma": "1232"}),
    "recovery": ("r", {**_COMMON, "fr": "2021-12-01", "df": "2021-12-12", "du": "2022-05-30"}),
}

NAM: Final[Dcc] = {
    "fn": "Prøvesen-Ærligst",
    "fnt": "PROEVESEN<AERLIGST",
    "gn": "Testine Fiktiva",
    "gnt": "TESTINE<FIKTIVA",
}
BIRTH: Final = "1979-04-14"


def payload(
    kind: Kind = "vaccination",
    version: str = "1.3.2",
    *,
    nam: Dcc | None = None,
    dob: str = BIRTH,
    beside: Dcc | None = None,
    issuer: str = ISSUER,
    **changes: str | float | EllipsisType | None,
) -> Dcc:
    """A good payload of one kind, with `changes` in its entry; ``...`` takes a field out.

    `nam` replaces the names, `issuer` the field ``is``; `beside` stands next to the event's group.
    """
    group, entry = _ENTRIES[kind]
    changed = {
        name: value
        for name, value in {**entry, "is": issuer, **changes}.items()
        if value is not Ellipsis
    }
    made = {
        "ver": version,
        "nam": NAM if nam is None else nam,
        "dob": dob,
        group: [changed],
        **({} if beside is None else beside),
    }
    return deepcopy(made)


def entry(kind: Kind) -> Dcc:
    """The good entry of a kind."""
    return dict(_ENTRIES[kind][1])
