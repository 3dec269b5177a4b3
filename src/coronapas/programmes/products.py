"""Vaccine products as histories and programmes name them: by code, by name, by what people say.

The names and the lengths of courses are those of `coronapas.dcc` (value sets of the EU DCC). People
also write the maker's name for the product; those names are data (``data/product-names.json``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


@dataclass(frozen=True, slots=True)
class Product:
    """A product that a programme recognises.

    `lengths` are the numbers of doses that complete a course of it; None leaves them to the EU's
    products. `also` are other names.
    """

    code: str
    name: str
    also: tuple[str, ...] = ()
    lengths: frozenset[int] | None = None


@cache
def _spoken_names() -> Mapping[str, str]:
    document = json.loads(
        files("coronapas.programmes").joinpath("data/product-names.json").read_bytes()
    )
    return MappingProxyType({name.casefold(): code for name, code in document["names"].items()})


@lru_cache(maxsize=1024)
def canonical(text: str) -> str:
    """Give the code of a product named by code, name or maker; else the text, trimmed."""
    from coronapas.dcc.valuesets import ValueSets

    name = text.strip()
    product = ValueSets.default().product(name)
    if product is not None:
        return product.code
    return _spoken_names().get(name.casefold(), name)


@lru_cache(maxsize=8192)
def course_lengths(code: str, day: date) -> frozenset[int] | None:
    """Give how many doses complete a course for a dose of that day; None if unknown."""
    from coronapas.dcc.doses import lengths

    return lengths(code, day)
