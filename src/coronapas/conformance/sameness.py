"""When two decoded payloads mean the same (the EU's test vectors; RFC 8949, section 5.6).

The order of a map is free, texts are compared in Unicode's form NFC, a number is its value (2 is
2.0, and no truth value), and two date-times are equal when they are the same instant in whole
seconds: a vector's JSON may give its times in another zone than its CBOR.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from coronapas.dcc.composing import normal
from coronapas.dcc.moments import read_moment


def difference(one: object, other: object, path: str = "") -> str | None:
    """The path of the first difference in the order of `one`, or None where both mean the same.

    The root's path is ``the whole``. Only names of fields go into a path, never values.
    """
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return _of_maps(one, other, path)
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        if len(one) != len(other):
            return path or "the whole"
        steps = (
            difference(a, b, f"{path}.{index}" if path else str(index))
            for index, (a, b) in enumerate(zip(one, other, strict=True))
        )
        return next((found for found in steps if found is not None), None)
    return None if _same_value(one, other) else path or "the whole"


def _of_maps(one: Mapping[object, object], other: Mapping[object, object], path: str) -> str | None:
    for key in [*one, *(key for key in other if key not in one)]:
        below = f"{path}.{key}" if path else str(key)
        if key not in one or key not in other:
            return below
        found = difference(one[key], other[key], below)
        if found is not None:
            return found
    return None


def _same_value(one: object, other: object) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return _same_text(one, other)
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    return one == other


def _same_text(one: str, other: str) -> bool:
    if one == other or normal(one) == normal(other):
        return True
    moments = read_moment(one)[0], read_moment(other)[0]
    if moments[0] is None or moments[1] is None:
        return False
    return moments[0].replace(microsecond=0) == moments[1].replace(microsecond=0)
