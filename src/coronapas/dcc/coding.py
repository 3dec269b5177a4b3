"""Which field of an entry is coded, by which value set, and in which release.

Implements the bindings of the DCC schema (``valueset-uri``), releases 1.0.0 to 1.3.3: ``tt`` is
bound from 1.0.1 on, ``co`` from 1.3.0 on, all others always.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from coronapas.dcc.schema import RELEASES

if TYPE_CHECKING:
    from coronapas.dcc.valuesets import ValueSets

VALUE_SETS: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType(
    {
        "v": MappingProxyType(
            {
                "tg": "disease-agent-targeted",
                "vp": "sct-vaccines-covid-19",
                "mp": "vaccines-covid-19-names",
                "ma": "vaccines-covid-19-auth-holders",
                "co": "country-2-codes",
            }
        ),
        "t": MappingProxyType(
            {
                "tg": "disease-agent-targeted",
                "tt": "covid-19-lab-test-type",
                "ma": "covid-19-lab-test-manufacturer-and-name",
                "tr": "covid-19-lab-result",
                "co": "country-2-codes",
            }
        ),
        "r": MappingProxyType({"tg": "disease-agent-targeted", "co": "country-2-codes"}),
    }
)
"""The id of the value set of each coded field, by group."""

_LATER_BOUND: Final = frozenset({"tt", "co"})

Codes = Mapping[str, Mapping[str, frozenset[str]]]
"""The codes that a coded field may hold, by group and field."""


def codes_for(release: str, value_sets: ValueSets) -> Codes:
    """Collect the codes of each coded field under one release, active or not.

    A field is left out where the release does not bind it, or where its value set is not among
    those given: its codes cannot be judged then.
    """
    free = _LATER_BOUND - RELEASES[release].coded
    return {
        group: {
            name: frozenset(value_sets.sets[set_id].entries)
            for name, set_id in fields.items()
            if name not in free and set_id in value_sets.sets
        }
        for group, fields in VALUE_SETS.items()
    }
