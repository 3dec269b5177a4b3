"""The EU's dated travel rules as business rules of the project's own (country ``EU``).

    eu_travel().decide(verification, country="EU", at=moment)

What the regulations and recommendations asked of travellers from 2021-06-14 to 2023-06-30: 270 days
for a primary course, boosters, tests, recoveries, minors. Each version of a rule is a file below
``data/eu-travel``, with tests on both sides of its bounds; its members ``Source``, ``Confidence``
and ``Note`` say where it comes from (``S`` read in the source, ``P`` press or another secondary
source, ``K`` recalled). The identifiers (``VR-EU-1001`` and on) are the project's own.

Member states could ask for less, and some asked for more: a country's own rules come first.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import as_file, files

from coronapas.rules.ruleset import RuleSet


@cache
def eu_travel() -> RuleSet:
    """The rule set; it is read once. Outside of its dates it has no rules: NO RULES."""
    with as_file(files("coronapas.rules").joinpath("data/eu-travel")) as folder:
        return RuleSet.load(folder)
