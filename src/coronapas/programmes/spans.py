"""Half-open spans of time ``(start, end)`` in UTC: the start belongs to a span, the end does not.

`coronapas.programmes.clock.FOREVER` as an end means that there is none.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import pairwise

from coronapas.programmes.clock import FOREVER

Span = tuple[datetime, datetime]


def union(spans: Iterable[Span]) -> list[Span]:
    """Give the same instants as ordered spans that neither overlap nor touch."""
    joined: list[Span] = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            if end > joined[-1][1]:
                joined[-1] = (joined[-1][0], end)
        else:
            joined.append((start, end))
    return joined


def within(spans: Iterable[Span], start: datetime, end: datetime) -> list[Span]:
    """Clip spans to another one; what lies outside vanishes."""
    clipped = ((max(one, start), min(other, end)) for one, other in spans)
    return [(one, other) for one, other in clipped if one < other]


def covers(spans: Iterable[Span], moment: datetime) -> bool:
    """Tell whether an instant lies in one of the spans."""
    return any(start <= moment < end for start, end in spans)


def lies_in(spans: Sequence[Span], moment: datetime) -> bool:
    """Tell whether an instant lies in one of the spans, which are as `union` gives them."""
    place = bisect_right(spans, (moment, FOREVER))
    return place > 0 and moment < spans[place - 1][1]


def overlapping(spans: Sequence[Span], start: datetime, end: datetime) -> Sequence[Span]:
    """Give those of the spans, which are as `union` gives them, that meet the time between."""
    low = max(bisect_right(spans, (start, FOREVER)) - 1, 0)
    return spans[low : bisect_right(spans, (end, FOREVER))]


def layers(several: Sequence[Sequence[Span]], bounds: Iterable[datetime]) -> list[tuple[Span, int]]:
    """Cut the time between the least and the largest bound where any of the layers changes.

    Gives each piece with the number of layers that cover it; `bounds` adds cuts of its own.
    """
    cuts = set(bounds)
    if not cuts:
        return []
    low, high = min(cuts), max(cuts)
    for spans in several:
        for start, end in spans:
            cuts.update(bound for bound in (start, end) if low < bound < high)
    marks = sorted(cuts)
    return [
        ((one, other), sum(covers(spans, one) for spans in several))
        for one, other in pairwise(marks)
    ]
